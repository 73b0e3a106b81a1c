//! What a shim tells the process that started it, on its standard output, which is a socket: the
//! container's network namespace as soon as it is there, unless the engine cannot tell it so early, and
//! how the making went. Both come with the namespace as a descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use warren_sys_process::passing;

use crate::wire::Failure;

/// The longest message, in bytes.
const LONGEST: usize = 64 << 10;

/// The message, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Report {
    /// Links may be put into the network namespace that comes along; the rest is still being made.
    Network,
    /// The container is there and its init waits.
    Created {
        /// Init's pid in the shim's pid namespace.
        init: i32,
        /// What could not be done as it was asked for.
        #[serde(default)]
        remarks: Vec<String>,
    },
    /// It could not be made.
    Failed(Failure),
}

/// Sends it. Whoever started us may be gone already, which changes nothing.
pub(crate) fn send(to: BorrowedFd<'_>, report: &Report, with: Option<BorrowedFd<'_>>) {
    let Ok(json) = serde_json::to_vec(report) else {
        return;
    };
    let _ = passing::send(to, &json, with);
}

/// Waits for it. `None`: the shim ended, or the time was up, or that was no report.
pub(crate) fn receive(
    from: impl AsFd,
    limit: Duration,
) -> Result<Option<(Report, Option<OwnedFd>)>, Errno> {
    let deadline = Instant::now() + limit;
    let mut json = vec![0; LONGEST];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        match rustix::event::poll(&mut [PollFd::new(&from, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        }
        let (bytes, descriptor) = passing::receive(&from, &mut json)?;
        let report = serde_json::from_slice(json.get(..bytes).unwrap_or_default());
        return Ok(report.ok().map(|report| (report, descriptor)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_report_comes_with_its_descriptor() {
        let (one, other) = UnixDatagram::pair().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        send(one.as_fd(), &Report::Network, Some(null.as_fd()));
        let (report, descriptor) = receive(&other, Duration::from_secs(9)).unwrap().unwrap();
        assert_eq!((report, descriptor.is_some()), (Report::Network, true));
        let created = Report::Created {
            init: 7,
            remarks: vec!["swap is not limited".to_owned()],
        };
        send(one.as_fd(), &created, Some(null.as_fd()));
        let (report, descriptor) = receive(&other, Duration::from_secs(9)).unwrap().unwrap();
        assert_eq!(report, created);
        assert!(descriptor.is_some());
        assert_eq!(
            receive(&other, Duration::ZERO).unwrap_err(),
            Errno::TIMEDOUT
        );
    }
}
