//! Hearing of OOM kills in a group.
//!
//! v2 raises inotify events for `memory.events`. v1 signals an eventfd registered through
//! `cgroup.event_control` (`Documentation/admin-guide/cgroup-v1/memory.rst`, OOM Control).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::OFlags;
use rustix::fs::inotify::WatchFlags;

use crate::dir::read_all;
use crate::error::{Error, Meaning, Step};
use crate::group::Cgroup;
use crate::inotify;
use crate::stats::FlatKeyed;
use crate::v1::V1Group;

/// Time between v1's signal and its count.
const V1_VICTIM: Duration = Duration::from_millis(100);

/// Waits for OOM kills in a group.
#[derive(Debug)]
pub struct OomWatcher {
    notify: OwnedFd,
    source: Source,
    seen: u64,
}

#[derive(Debug)]
enum Source {
    /// inotify on `memory.events`.
    V2(OwnedFd),
    /// eventfd registered for `memory.oom_control`.
    V1(OwnedFd),
}

impl OomWatcher {
    /// Watches a v2 group (and all below it) with the `memory` controller.
    ///
    /// # Errors
    /// [`Error::NoController`], or no watch can be had.
    pub fn v2(group: &Cgroup) -> Result<Self, Error> {
        let events = match group.dir().open_file("memory.events", OFlags::RDONLY) {
            Ok(file) => file,
            Err(e) if e.meaning() == Some(Meaning::Absent) => {
                return Err(group.undelegated("memory"));
            }
            Err(e) => return Err(e),
        };
        let notify = inotify::new(group.path())?;
        inotify::watch(&notify, &events, group.path(), WatchFlags::MODIFY)?;
        let mut watcher = Self {
            notify,
            source: Source::V2(events),
            seen: 0,
        };
        watcher.seen = watcher.count()?;
        Ok(watcher)
    }

    /// Watches a v1 group of the `memory` hierarchy.
    ///
    /// # Errors
    /// It is not of that hierarchy, or the kernel has no v1 event control.
    pub fn v1(group: &V1Group) -> Result<Self, Error> {
        let control = group
            .dir()
            .open_file("memory.oom_control", OFlags::RDONLY)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let notify = eventfd(0, flags).map_err(|e| Error::kernel(Step::Watch, group.path(), e))?;
        let registration = format!("{} {}", notify.as_raw_fd(), control.as_raw_fd());
        group
            .dir()
            .write(&Step::Watch, "cgroup.event_control", &registration)?;
        let mut watcher = Self {
            notify,
            source: Source::V1(control),
            seen: 0,
        };
        watcher.seen = watcher.count()?;
        Ok(watcher)
    }

    /// How many processes were killed since the last call (or since the watch began). Call it when
    /// the descriptor is readable. On v1 this may take a tenth of a
    /// second, and needs Linux 4.13, which began to count. A group that has been deleted has no more kills to tell.
    ///
    /// # Errors
    /// The counters cannot be read.
    pub fn kills(&mut self) -> Result<u64, Error> {
        let signalled = inotify::drain(&self.notify, Path::new("memory events"))?;
        let started = Instant::now();
        loop {
            let now = match self.count() {
                Ok(now) => now,
                Err(e) if e.is_gone() => return Ok(0),
                Err(e) => return Err(e),
            };
            let new = now.saturating_sub(self.seen);
            self.seen = now;
            // v1 signals when it begins to look for a victim, and counts once it has killed.
            let may_still_come = signalled && matches!(self.source, Source::V1(_));
            if new > 0 || !may_still_come || started.elapsed() >= V1_VICTIM {
                return Ok(new);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for kills. 0 when the time is up.
    ///
    /// # Errors
    /// As [`OomWatcher::kills`].
    pub fn wait(&mut self, limit: Duration) -> Result<u64, Error> {
        let started = Instant::now();
        loop {
            let kills = self.kills()?;
            let left = limit.saturating_sub(started.elapsed());
            if kills > 0 || left.is_zero() {
                return Ok(kills);
            }
            inotify::wait_readable(&self.notify, left, Path::new("memory events"))?;
        }
    }

    fn count(&self) -> Result<u64, Error> {
        let (file, name) = match &self.source {
            Source::V2(file) => (file, "memory.events"),
            Source::V1(file) => (file, "memory.oom_control"),
        };
        let text = read_all(file).map_err(|e| Error::kernel(Step::Read, Path::new(name), e))?;
        Ok(FlatKeyed::parse(&text).count("oom_kill"))
    }
}

impl AsFd for OomWatcher {
    /// Readable when there may be kills.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notify.as_fd()
    }
}
