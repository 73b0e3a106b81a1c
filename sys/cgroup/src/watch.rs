//! Following a group by its path: made, emptied, frozen, deleted, made again.
//!
//! Rules that name a group by id must be renewed when the group is made anew. [`Watcher`] follows
//! a path below an open directory (a mount's root, attached or not); parts of the path need not
//! exist yet.
//!
//! ```text
//!   base ──► a ──► b ──► target           watched: base, a, b for children coming and going,
//!   │wd      │wd   │wd   │wd                        target/cgroup.events for changes
//!
//!   Absent ──Appeared──► Present {id, populated, frozen} ──Populated/Frozen──► Present
//!     ▲                     │ Replaced: deleted and made again between two looks
//!     └──────Removed────────┘
//! ```
//!
//! An event only says "look again"; what is reported is the difference between two looks. So
//! neither an overflow of the event queue nor a quick succession of changes can mislead, but states
//! that came and went between two looks are not reported.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::inotify::WatchFlags;

use crate::error::Error;
use crate::group::{Cgroup, State};
use crate::id::CgroupId;
use crate::inotify;

/// Follows one path.
#[derive(Debug)]
pub struct Watcher {
    inotify: OwnedFd,
    base: Cgroup,
    names: Vec<OsString>,
    called: PathBuf,
    watches: Vec<i32>,
    present: Option<Present>,
}

/// A group that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// Its id.
    pub id: CgroupId,
    /// Its state.
    pub state: State,
}

/// A difference between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The group has been made.
    Appeared(Present),
    /// The group with this id has been deleted.
    Removed(CgroupId),
    /// The group has been deleted, and another one made under its path.
    Replaced {
        /// The id that is no longer.
        old: CgroupId,
        /// The group there is now.
        new: Present,
    },
    /// It got its first process, or lost its last one.
    Populated(bool),
    /// It is frozen, or no longer.
    Frozen(bool),
}

impl Watcher {
    /// Follows `relative` below the group `base`. Needs `/proc`.
    ///
    /// # Errors
    /// The path is not a plain relative one, or nothing can be watched (`EMFILE`, `ENOSPC`: limits
    /// of the user's inotify instances and watches).
    pub fn new(base: Cgroup, relative: &Path) -> Result<Self, Error> {
        let name = |component: Component<'_>| match component {
            Component::Normal(name) => Ok(name.to_owned()),
            _ => Err(Error::InvalidName(relative.display().to_string())),
        };
        let names: Vec<OsString> = relative.components().map(name).collect::<Result<_, _>>()?;
        let called = base.path().join(relative);
        let inotify = inotify::new(&called)?;
        let mut watcher = Self {
            inotify,
            base,
            names,
            called,
            watches: Vec::new(),
            present: None,
        };
        watcher.present = watcher.look()?;
        Ok(watcher)
    }

    /// What is there as of the last look.
    #[must_use]
    pub fn present(&self) -> Option<Present> {
        self.present
    }

    /// The path, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.called
    }

    /// What has changed since the last look. Call it when the descriptor is readable, or any time.
    ///
    /// # Errors
    /// The groups cannot be read or watched.
    pub fn changes(&mut self) -> Result<Vec<Change>, Error> {
        inotify::drain(&self.inotify, &self.called)?;
        let now = self.look()?;
        let before = std::mem::replace(&mut self.present, now);
        Ok(difference(before, now))
    }

    /// Waits for changes. Empty when the time is up.
    ///
    /// # Errors
    /// As [`Watcher::changes`].
    pub fn wait(&mut self, limit: Duration) -> Result<Vec<Change>, Error> {
        let started = Instant::now();
        loop {
            let changes = self.changes()?;
            let left = limit.saturating_sub(started.elapsed());
            if !changes.is_empty() || left.is_zero() {
                return Ok(changes);
            }
            inotify::wait_readable(&self.inotify, left, &self.called)?;
        }
    }

    /// Walks down the path as far as it exists and watches every step. Each directory is watched
    /// before its child is looked for, so a child made in between is announced.
    fn look(&mut self) -> Result<Option<Present>, Error> {
        let mut watches = Vec::with_capacity(self.names.len() + 1);
        let found = self.walk(&mut watches);
        for old in std::mem::take(&mut self.watches) {
            if !watches.contains(&old) {
                inotify::unwatch(&self.inotify, old);
            }
        }
        self.watches = watches;
        found
    }

    fn walk(&self, watches: &mut Vec<i32>) -> Result<Option<Present>, Error> {
        let mut group = Cgroup::open_at(&self.base, self.base.path(), Path::new(""))?;
        for name in &self.names {
            let coming_and_going = WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::ONLYDIR;
            watches.push(inotify::watch(
                &self.inotify,
                &group,
                group.path(),
                coming_and_going,
            )?);
            group = match Cgroup::open_at(&group, group.path(), Path::new(name)) {
                Ok(child) => child,
                Err(e) if e.is_gone() => return Ok(None),
                Err(e) => return Err(e),
            };
        }
        self.events(&group, watches)
    }

    fn events(&self, group: &Cgroup, watches: &mut Vec<i32>) -> Result<Option<Present>, Error> {
        let file = group
            .dir()
            .open_file("cgroup.events", rustix::fs::OFlags::RDONLY);
        let state = match file {
            Ok(file) => {
                watches.push(inotify::watch(
                    &self.inotify,
                    &file,
                    group.path(),
                    WatchFlags::MODIFY,
                )?);
                // Read through the descriptor's own group, after watching.
                group.state()
            }
            // The real root has no such file.
            Err(_) if group.is_alive() => group.state(),
            Err(e) => Err(e),
        };
        match state {
            Ok(state) => Ok(Some(Present {
                id: group.id(),
                state,
            })),
            Err(e) if e.is_gone() => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl AsFd for Watcher {
    /// Readable when there may be changes.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn difference(before: Option<Present>, now: Option<Present>) -> Vec<Change> {
    match (before, now) {
        (None, None) => Vec::new(),
        (None, Some(new)) => vec![Change::Appeared(new)],
        (Some(old), None) => vec![Change::Removed(old.id)],
        (Some(old), Some(new)) if old.id != new.id => {
            vec![Change::Replaced { old: old.id, new }]
        }
        (Some(old), Some(new)) => {
            let populated = (old.state.populated != new.state.populated)
                .then_some(Change::Populated(new.state.populated));
            let frozen =
                (old.state.frozen != new.state.frozen).then_some(Change::Frozen(new.state.frozen));
            populated.into_iter().chain(frozen).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let present = |id, populated, frozen| {
            Some(Present {
                id: CgroupId(id),
                state: State { populated, frozen },
            })
        };
        let one = present(1, false, false);
        assert_eq!(difference(None, None), []);
        assert_eq!(difference(one, one), []);
        assert_eq!(difference(None, one), [Change::Appeared(one.unwrap())]);
        assert_eq!(difference(one, None), [Change::Removed(CgroupId(1))]);
        let two = present(2, false, false);
        let replaced = Change::Replaced {
            old: CgroupId(1),
            new: two.unwrap(),
        };
        assert_eq!(difference(one, two), [replaced]);
        assert_eq!(
            difference(one, present(1, true, true)),
            [Change::Populated(true), Change::Frozen(true)]
        );
    }
}
