//! Waiting for what a keeper waits for: changes of files, the end of a process, a signal.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe::register;

use super::KeeperError;

/// However little happens: a directory that was not there cannot be watched.
const LOOK: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Something changed, or time passed.
    Change,
    /// The other process ended.
    Child,
    /// We are told to end.
    End,
}

/// See the module.
pub(super) struct Watch {
    changes: OwnedFd,
    signals: UnixStream,
    child: Option<OwnedFd>,
    paths: Vec<PathBuf>,
}

impl Watch {
    /// Watches these paths, and those above them.
    pub(super) fn new(paths: &[&PathBuf]) -> Result<Self, KeeperError> {
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let failed = |error| KeeperError::Wait("signals", error);
        let (read, write) = UnixStream::pair().map_err(failed)?;
        read.set_nonblocking(true).map_err(failed)?;
        for signal in [SIGTERM, SIGINT] {
            register(signal, write.try_clone().map_err(failed)?).map_err(failed)?;
        }
        let mut watch = Self {
            changes: changes
                .map_err(|errno| KeeperError::Wait("changes of files", errno.into()))?,
            signals: read,
            child: None,
            paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        };
        watch.renew();
        Ok(watch)
    }

    /// Also waits for this process's end.
    pub(super) fn child(&mut self, child: &Child) -> Result<(), KeeperError> {
        let opened = pidfd_open(Pid::from_child(child), PidfdFlags::empty());
        let opened = opened.map_err(|errno| KeeperError::Wait("a child", errno.into()))?;
        self.child = Some(opened);
        Ok(())
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
    pub(super) fn wait(&mut self, limit: Option<Duration>) -> Result<Woken, KeeperError> {
        self.renew();
        let limit = limit.unwrap_or(LOOK);
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        let mut all = vec![
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.changes, PollFlags::IN),
        ];
        all.extend(self.child.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        match poll(&mut all, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(KeeperError::Wait("events", errno.into())),
        }
        let ended = all.get(2).is_some_and(|fd| !fd.revents().is_empty());
        if self.signals.read(&mut [0; 64]).is_ok_and(|count| count > 0) {
            return Ok(Woken::End);
        }
        if ended {
            return Ok(Woken::Child);
        }
        self.drain();
        Ok(Woken::Change)
    }

    /// Which change it was does not matter.
    fn drain(&self) {
        let mut buffer = [0_u8; 4096];
        while rustix::io::read(&self.changes, &mut buffer).is_ok_and(|count| count > 0) {}
    }
}
