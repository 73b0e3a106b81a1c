//! Hearing of OOM kills in a group.
//!
//! v2 raises inotify events for `memory.events`. v1 signals an eventfd registered through
//! `cgroup.event_control` (`Documentation/admin-guide/cgroup-v1/memory.rst`, OOM Control) when it
//! begins to look for a victim, and counts once it has killed one:
//!
//! ```text
//! kernel   signal ── looks for a victim ──────────── count, SIGKILL
//! watcher      └─ 0 ─ 0 ── 0 ──── 0 ──────── 0 ──────────────── 1
//! ```
//!
//! How long that takes nobody knows, and there may be no victim at all. So the watcher says when to
//! look again, at pauses that grow; what one look has missed a later one finds.

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

/// Pause after v1's signal, which doubles with each look.
const FIRST: Duration = Duration::from_millis(1);
/// Longer pauses are not made.
const LAST: Duration = Duration::from_secs(30);

/// Waits for OOM kills in a group.
#[derive(Debug)]
pub struct OomWatcher {
    notify: OwnedFd,
    source: Source,
    seen: u64,
    again: Option<Again>,
}

/// When to look again for what has been signalled.
#[derive(Debug, Clone, Copy)]
struct Again {
    at: Instant,
    pause: Duration,
}

impl Again {
    fn after(now: Instant, pause: Duration) -> Option<Self> {
        (pause <= LAST).then(|| Self {
            at: now + pause,
            pause,
        })
    }
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
            again: None,
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
            again: None,
        };
        watcher.seen = watcher.count()?;
        Ok(watcher)
    }

    /// How many processes were killed since the last call (or since the watch began). Call it when
    /// the descriptor is readable, and at [`OomWatcher::again`]. v1 needs Linux 4.13, which began to
    /// count. A group that has been deleted has no more kills to tell.
    ///
    /// # Errors
    /// The counters cannot be read.
    pub fn kills(&mut self) -> Result<u64, Error> {
        let signalled = inotify::drain(&self.notify, Path::new("memory events"))?;
        let now = Instant::now();
        match self.again {
            // v2 counts first.
            _ if signalled && matches!(self.source, Source::V1(_)) => {
                self.again = Again::after(now, FIRST);
            }
            Some(again) if again.at <= now => self.again = Again::after(now, 2 * again.pause),
            _ => {}
        }
        let count = match self.count() {
            Ok(count) => count,
            Err(e) if e.is_gone() => {
                self.again = None;
                return Ok(0);
            }
            Err(e) => return Err(e),
        };
        let new = count.saturating_sub(self.seen);
        self.seen = count;
        Ok(new)
    }

    /// When to look again, though the descriptor may not become readable: a kill has been signalled
    /// and may be counted by then.
    pub fn again(&self) -> Option<Instant> {
        self.again.map(|again| again.at)
    }

    /// Waits for kills. 0 when the time is up.
    ///
    /// # Errors
    /// As [`OomWatcher::kills`].
    pub fn wait(&mut self, limit: Duration) -> Result<u64, Error> {
        let started = Instant::now();
        loop {
            let kills = self.kills()?;
            let mut left = limit.saturating_sub(started.elapsed());
            if kills > 0 || left.is_zero() {
                return Ok(kills);
            }
            if let Some(again) = self.again() {
                left = left.min(again.saturating_duration_since(Instant::now()));
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

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Write;

    /// A watcher whose signals are sent, and whose kills are counted, by the test.
    fn watcher() -> (OomWatcher, std::fs::File) {
        let name = format!("warren-test-{}-oom", std::process::id());
        let path = std::env::temp_dir().join(name);
        let counts = std::fs::File::create_new(&path).unwrap();
        let control = std::fs::File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        let watcher = OomWatcher {
            notify: eventfd(0, EventfdFlags::NONBLOCK).unwrap(),
            source: Source::V1(control.into()),
            seen: 0,
            again: None,
        };
        (watcher, counts)
    }

    #[test]
    fn a_kill_that_is_counted_long_after_its_signal_is_found() {
        let (mut watcher, mut counts) = watcher();
        assert_eq!((watcher.kills().unwrap(), watcher.again()), (0, None));
        rustix::io::write(&watcher.notify, &1_u64.to_ne_bytes()).unwrap();
        assert_eq!(watcher.kills().unwrap(), 0);
        // Looks in vain, until a good while has passed.
        assert_eq!(watcher.wait(Duration::from_millis(300)).unwrap(), 0);
        assert!(watcher.again().is_some());
        counts.write_all(b"under_oom 0\noom_kill 1\n").unwrap();
        assert_eq!(watcher.wait(Duration::from_secs(120)).unwrap(), 1);
        assert_eq!(watcher.kills().unwrap(), 0);
    }

    #[test]
    fn looking_in_vain_has_an_end() {
        let mut again = Again::after(Instant::now(), FIRST);
        let (mut looks, mut whole) = (0, Duration::ZERO);
        while let Some(each) = again {
            (looks, whole) = (looks + 1, whole + each.pause);
            again = Again::after(each.at, 2 * each.pause);
        }
        assert_eq!(looks, 15);
        assert_eq!(whole, Duration::from_millis((1 << 15) - 1));
    }
}
