//! A cgroup v2 group.
//!
//! ```text
//!            create            add(pid)              last process gone
//!   (none) ─────────► empty ─────────────► populated ─────────────────► empty ──► removed
//!                                │  ▲                  wait_empty           remove
//!                         freeze ▼  │ thaw
//!                              frozen                 kill: populated or frozen ─► empty
//! ```

mod control;
mod kill;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::Pid;
use warren_sys_mount::{CGROUP2_SUPER_MAGIC, kernfs};

pub use control::{Enabled, Evacuated};
pub(crate) use kill::kill_each;

use crate::dir::{GroupDir, read_all, retry};
use crate::error::{Error, Step};
use crate::id::CgroupId;

pub(crate) const MAGIC: (u64, &str) = (CGROUP2_SUPER_MAGIC, "cgroup2");

/// An open cgroup v2 group. It is held by descriptor: once deleted it stays deleted, even if
/// another group appears under its path.
///
/// As a descriptor ([`AsFd`]) it serves `clone3(CLONE_INTO_CGROUP)` and BPF attachment.
#[derive(Debug)]
pub struct Cgroup {
    dir: GroupDir,
}

/// What `cgroup.type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The real root of the hierarchy, which has no `cgroup.type`.
    Root,
    /// An ordinary group.
    Domain,
    /// An ordinary group that is the root of a threaded subtree.
    DomainThreaded,
    /// A group that cannot be used before it is made threaded.
    DomainInvalid,
    /// A member of a threaded subtree.
    Threaded,
}

/// `cgroup.events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// The group or one below it has a process. Zombies do not count.
    pub populated: bool,
    /// All processes in and below it are stopped by the freezer.
    pub frozen: bool,
}

impl Cgroup {
    /// Opens the group at a path in a cgroup2 mount.
    ///
    /// # Errors
    /// It does not exist, or the path is not in a cgroup2 mount.
    pub fn open(path: &Path) -> Result<Self, Error> {
        GroupDir::open(path, MAGIC).map(|dir| Self { dir })
    }

    /// Opens the group at `relative` below an open directory, such as the root of a detached
    /// mount. `called` is the base's name in messages.
    ///
    /// # Errors
    /// It does not exist, is not in a cgroup2 tree, or `relative` is absolute or climbs.
    pub fn open_at(base: impl AsFd, called: &Path, relative: &Path) -> Result<Self, Error> {
        let is_plain = relative
            .components()
            .all(|c| matches!(c, Component::Normal(_)));
        if !is_plain {
            return Err(Error::InvalidName(relative.display().to_string()));
        }
        let path: PathBuf = called.components().chain(relative.components()).collect();
        GroupDir::open_at(base.as_fd(), relative, path, MAGIC).map(|dir| Self { dir })
    }

    /// Opens the group with this id, without a path, through any open directory of the tree.
    ///
    /// # Errors
    /// As [`kernfs::open_by_id`]; a deleted group is [`Meaning::Absent`](crate::Meaning::Absent).
    pub fn open_by_id(tree: impl AsFd, id: CgroupId) -> Result<Self, Error> {
        let called = PathBuf::from(format!("cgroup id {id}"));
        match kernfs::open_by_id(tree, id.0) {
            Ok(fd) => Self::from_fd(fd, called),
            Err(Errno::STALE) => Err(Error::kernel(Step::Open, &called, Errno::NOENT)),
            Err(e) => Err(Error::kernel(Step::Open, &called, e)),
        }
    }

    /// Takes an open directory of a cgroup2 tree.
    ///
    /// # Errors
    /// It is not one.
    pub fn from_fd(fd: OwnedFd, called: PathBuf) -> Result<Self, Error> {
        GroupDir::from_fd(fd, called, MAGIC).map(|dir| Self { dir })
    }

    /// Makes a child group.
    ///
    /// # Errors
    /// [`Meaning::Exists`](crate::Meaning::Exists), [`Meaning::TooMany`](crate::Meaning::TooMany),
    /// missing privilege, or an invalid name.
    pub fn create(&self, name: &str) -> Result<Self, Error> {
        self.dir.make_child(name)?;
        self.child(name)
    }

    /// Opens a child group, making it if there is none.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn create_or_open(&self, name: &str) -> Result<Self, Error> {
        match self.dir.make_child(name) {
            Ok(()) => {}
            Err(e) if e.errno() == Some(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
        self.child(name)
    }

    /// Opens a child group.
    ///
    /// # Errors
    /// There is none, or the name is invalid.
    pub fn child(&self, name: &str) -> Result<Self, Error> {
        let name = crate::dir::plain(name)?;
        self.dir
            .open_child(name.as_ref(), MAGIC)
            .map(|dir| Self { dir })
    }

    /// Names of the child groups.
    ///
    /// # Errors
    /// The group has been deleted.
    pub fn children(&self) -> Result<Vec<std::ffi::OsString>, Error> {
        self.dir.children()
    }

    /// Its id, the same in every namespace.
    #[must_use]
    pub fn id(&self) -> CgroupId {
        CgroupId(self.dir.inode())
    }

    /// The path it was opened by; for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Whether it still exists.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.dir.is_alive()
    }

    /// What kind of group it is.
    ///
    /// # Errors
    /// It has been deleted.
    pub fn kind(&self) -> Result<Kind, Error> {
        let Some(text) = self.dir.read_if_there("cgroup.type")? else {
            return Ok(Kind::Root);
        };
        match text.trim_end() {
            "domain" => Ok(Kind::Domain),
            "domain threaded" => Ok(Kind::DomainThreaded),
            "domain invalid" => Ok(Kind::DomainInvalid),
            "threaded" => Ok(Kind::Threaded),
            other => {
                let path = self.path().join("cgroup.type");
                Err(Error::unexpected(&path, "a cgroup type", other))
            }
        }
    }

    /// Whether it is the real root: not a namespace's, which looks like any other group.
    ///
    /// # Errors
    /// It has been deleted.
    pub fn is_real_root(&self) -> Result<bool, Error> {
        Ok(self.kind()? == Kind::Root)
    }

    /// Moves a process (all its threads) into the group. Sockets it has open keep the identity of
    /// the group they were made in.
    ///
    /// # Errors
    /// See [`Meaning`](crate::Meaning).
    pub fn add(&self, pid: Pid) -> Result<(), Error> {
        let pid = pid.as_raw_nonzero().get();
        self.dir
            .write(&Step::Move(pid), "cgroup.procs", &pid.to_string())
    }

    /// Processes in the group itself; 0 stands for one of another pid namespace.
    ///
    /// # Errors
    /// The group is gone, or is threaded (`EOPNOTSUPP`).
    pub fn procs(&self) -> Result<Vec<i32>, Error> {
        self.dir.pids("cgroup.procs")
    }

    /// Processes in the group and all groups below it.
    ///
    /// # Errors
    /// As [`Cgroup::procs`].
    pub fn procs_below(&self) -> Result<Vec<i32>, Error> {
        self.dir.pids_below(MAGIC)
    }

    /// Whether it has processes and is frozen. The real root has no such file and counts as
    /// populated.
    ///
    /// # Errors
    /// It has been deleted.
    pub fn state(&self) -> Result<State, Error> {
        match self.dir.read_if_there("cgroup.events")? {
            Some(text) => Ok(State::parse(&text)),
            None => Ok(State {
                populated: true,
                frozen: false,
            }),
        }
    }

    /// Waits until no process is left in or below the group.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] when the time is up.
    pub fn wait_empty(&self, limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        if self.wait_state(|s| !s.populated, started, limit)? {
            return Ok(());
        }
        let pids = self.procs_below().unwrap_or_default();
        let path = self.path().to_owned();
        Err(Error::StillPopulated {
            path,
            pids,
            waited: started.elapsed(),
        })
    }

    /// Waits on `cgroup.events` until `reached`. `false` when the time is up. A deleted group
    /// reads as empty and not frozen.
    fn wait_state(
        &self,
        reached: impl Fn(State) -> bool,
        started: Instant,
        limit: Duration,
    ) -> Result<bool, Error> {
        let gone = State {
            populated: false,
            frozen: false,
        };
        let events = match self.dir.open_file("cgroup.events", OFlags::RDONLY) {
            Ok(fd) => fd,
            Err(e) if e.is_gone() && !self.is_alive() => return Ok(reached(gone)),
            Err(e) => return Err(e),
        };
        loop {
            // The kernel raises POLLPRI for changes since this descriptor's last read.
            let state = match read_all(&events) {
                Ok(text) => State::parse(&text),
                Err(Errno::NODEV) => gone,
                Err(e) => return Err(Error::kernel(Step::Read, self.path(), e)),
            };
            if reached(state) {
                return Ok(true);
            }
            let Some(left) = limit.checked_sub(started.elapsed()) else {
                return Ok(false);
            };
            let timeout = Timespec::try_from(left).ok();
            let mut poll = [PollFd::new(&events, PollFlags::PRI)];
            retry(|| rustix::event::poll(&mut poll, timeout.as_ref()))
                .map_err(|e| Error::kernel(Step::Watch, self.path(), e))?;
        }
    }

    /// Removes the group and all below it. Processes are not touched; a group that still empties
    /// (exiting processes) is tried again until `limit`.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] names the processes in the way.
    pub fn remove(self, limit: Duration) -> Result<(), Error> {
        self.dir.remove(MAGIC, limit)
    }

    /// Removes the child group `name` and all below it, as [`Cgroup::remove`] does; needs no way
    /// up from the child, which a group opened by id may lack.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] names the processes in the way.
    pub fn remove_child(&self, name: &str, limit: Duration) -> Result<(), Error> {
        self.dir
            .remove_child_tree(crate::dir::plain(name)?.as_ref(), MAGIC, limit)
    }

    /// The content of any of its files.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, file: &str) -> Result<String, Error> {
        self.dir.read(file)
    }

    /// The content, or `None` if the group or the kernel has no such file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_if_there(&self, file: &str) -> Result<Option<String>, Error> {
        self.dir.read_if_there(file)
    }

    /// Writes any of its files. Limits are better set by [`limits`](crate::limits), which checks
    /// what became of them.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn write(&self, file: &str, value: &str) -> Result<(), Error> {
        self.dir.write(&Step::Write, file, value)
    }

    pub(crate) fn dir(&self) -> &GroupDir {
        &self.dir
    }
}

impl AsFd for Cgroup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl State {
    /// Reads the text of `cgroup.events`. Keys that are missing count as 0: `frozen` came with
    /// Linux 5.2.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let is_set = |key: &str| {
            text.lines()
                .any(|l| l.split_once(' ').is_some_and(|(k, v)| k == key && v != "0"))
        };
        Self {
            populated: is_set("populated"),
            frozen: is_set("frozen"),
        }
    }
}
