//! Waiting for changes of files, or a signal.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe::register;

/// Nothing can be waited for.
#[derive(Debug, thiserror::Error)]
#[error("cannot wait for {0}")]
pub struct WatchError(&'static str, #[source] std::io::Error);

/// However little happens: a directory that was not there cannot be watched.
const LOOK: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something changed, or time passed.
    Change,
    /// We are told to end.
    End,
}

/// See the module.
pub(crate) struct Watch {
    changes: OwnedFd,
    signals: UnixStream,
    paths: Vec<PathBuf>,
}

impl Watch {
    /// Watches these paths, and those above them.
    pub(crate) fn new(paths: &[&PathBuf]) -> Result<Self, WatchError> {
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let failed = |error| WatchError("signals", error);
        let (read, write) = UnixStream::pair().map_err(failed)?;
        read.set_nonblocking(true).map_err(failed)?;
        for signal in [SIGTERM, SIGINT] {
            register(signal, write.try_clone().map_err(failed)?).map_err(failed)?;
        }
        let mut watch = Self {
            changes: changes.map_err(|errno| WatchError("changes of files", errno.into()))?,
            signals: read,
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        };
        watch.renew();
        Ok(watch)
    }

    /// A file that was replaced is another one, so all are watched anew; for one that is watched
    /// already this changes nothing. What cannot be watched is looked at from time to time.
    fn renew(&mut self) {
        let flags = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::MODIFY;
        for path in &self.paths {
            for path in [Some(path.as_path()), path.parent()].into_iter().flatten() {
                let _ = inotify::add_watch(&self.changes, path, flags);
            }
        }
    }

    /// Waits for something, at most so long.
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> Result<Woken, WatchError> {
        self.renew();
        let limit = limit.unwrap_or(LOOK);
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        let mut all = [
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.changes, PollFlags::IN),
        ];
        match poll(&mut all, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(WatchError("events", errno.into())),
        }
        if self.signals.read(&mut [0; 64]).is_ok_and(|count| count > 0) {
            return Ok(Woken::End);
        }
        self.drain();
        Ok(Woken::Change)
    }

    /// Asks whether we were told to end; of use when this is gone as well.
    pub(crate) fn told(self) -> impl FnMut() -> bool + Send + Sync + 'static {
        let mut signals = self.signals;
        move || signals.read(&mut [0; 64]).is_ok_and(|count| count > 0)
    }

    /// Which change it was does not matter.
    fn drain(&self) {
        let mut buffer = [0_u8; 4096];
        while rustix::io::read(&self.changes, &mut buffer).is_ok_and(|count| count > 0) {}
    }
}
