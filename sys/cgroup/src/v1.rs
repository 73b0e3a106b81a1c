//! A group of a cgroup v1 hierarchy.
//!
//! v1 has no `cgroup.events`, no `cgroup.kill`, and only the freezer hierarchy can freeze. Groups
//! of one container in several hierarchies are separate [`V1Group`]s.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::Pid;
use warren_sys_mount::CGROUP_SUPER_MAGIC;

use crate::below::{self, Visit};
use crate::dir::GroupDir;
use crate::error::{Error, Step};
use crate::group::kill_each;

pub(crate) const MAGIC: (u64, &str) = (CGROUP_SUPER_MAGIC, "cgroup");

/// How long between two looks at something v1 does not announce.
const POLL: Duration = Duration::from_millis(5);

/// An open v1 group, held by descriptor.
#[derive(Debug)]
pub struct V1Group {
    dir: GroupDir,
    controllers: Vec<String>,
}

impl V1Group {
    /// Opens a group of the hierarchy with these controllers, by its path in a mount.
    ///
    /// # Errors
    /// It does not exist, or is not in a v1 hierarchy.
    pub fn open(path: &Path, controllers: &[String]) -> Result<Self, Error> {
        let dir = GroupDir::open(path, MAGIC)?;
        Ok(Self {
            dir,
            controllers: controllers.to_vec(),
        })
    }

    /// Makes a child group, or opens it if there is one. A new cpuset group takes over its
    /// parent's CPUs and memory nodes, without which it could hold no process.
    ///
    /// # Errors
    /// Missing privilege or an invalid name.
    pub fn create_or_open(&self, name: &str) -> Result<Self, Error> {
        match self.dir.make_child(name) {
            Ok(()) => {}
            Err(e) if e.errno() == Some(Errno::EXIST) => {}
            Err(e) => return Err(e),
        }
        let child = self.child(name)?;
        if self.has_controller("cpuset") {
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if child.dir.read(file)?.trim().is_empty() {
                    let value = self.dir.read(file)?;
                    child.dir.write(&Step::Write, file, value.trim())?;
                }
            }
        }
        Ok(child)
    }

    /// Opens a child group.
    ///
    /// # Errors
    /// There is none, or the name is invalid.
    pub fn child(&self, name: &str) -> Result<Self, Error> {
        let name = crate::dir::plain(name)?;
        let dir = self.dir.open_child(name.as_ref(), MAGIC)?;
        Ok(Self {
            dir,
            controllers: self.controllers.clone(),
        })
    }

    /// Names of the child groups.
    ///
    /// # Errors
    /// The group is gone.
    pub fn children(&self) -> Result<Vec<std::ffi::OsString>, Error> {
        self.dir.children()
    }

    /// The hierarchy's controllers.
    #[must_use]
    pub fn controllers(&self) -> &[String] {
        &self.controllers
    }

    /// Whether the hierarchy has this controller.
    #[must_use]
    pub fn has_controller(&self, controller: &str) -> bool {
        self.controllers.iter().any(|c| c == controller)
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

    /// Moves a process into the group.
    ///
    /// # Errors
    /// See [`Meaning`](crate::Meaning).
    pub fn add(&self, pid: Pid) -> Result<(), Error> {
        let pid = pid.as_raw_nonzero().get();
        self.dir
            .write(&Step::Move(pid), "cgroup.procs", &pid.to_string())
    }

    /// Processes in the group.
    ///
    /// # Errors
    /// The group is gone.
    pub fn procs(&self) -> Result<Vec<i32>, Error> {
        self.dir.pids("cgroup.procs")
    }

    /// Processes in the group and all groups below it.
    ///
    /// # Errors
    /// The group is gone.
    pub fn procs_below(&self) -> Result<Vec<i32>, Error> {
        self.dir.pids_below(MAGIC)
    }

    /// Waits until no process is left in or below the group.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] when the time is up.
    pub fn wait_empty(&self, limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            let pids = match self.procs_below() {
                Ok(pids) => pids,
                Err(e) if e.is_gone() => return Ok(()),
                Err(e) => return Err(e),
            };
            if pids.is_empty() {
                return Ok(());
            }
            if started.elapsed() >= limit {
                let path = self.path().to_owned();
                return Err(Error::StillPopulated {
                    path,
                    pids,
                    waited: started.elapsed(),
                });
            }
            std::thread::sleep(POLL);
        }
    }

    /// Stops every process in and below the group; only in the freezer's hierarchy.
    ///
    /// # Errors
    /// [`Error::Timeout`]: thaw it, for a group stuck while freezing may never get there.
    pub fn freeze(&self, limit: Duration) -> Result<(), Error> {
        self.set_frozen("FROZEN", "frozen", limit)
    }

    /// Lets the processes run again.
    ///
    /// # Errors
    /// [`Error::Timeout`] if an ancestor keeps it frozen.
    pub fn thaw(&self, limit: Duration) -> Result<(), Error> {
        self.set_frozen("THAWED", "thawed", limit)
    }

    /// Lets run what was frozen in groups below, by a manager that has them: a frozen process does
    /// not die. Waits for none of them.
    ///
    /// # Errors
    /// One of them cannot be written to.
    pub fn thaw_below(&self) -> Result<(), Error> {
        match below::visit(&self.dir, MAGIC, &mut Thaw) {
            Err(e) if e.is_gone() => Ok(()),
            other => other,
        }
    }

    /// Hands over the content of a file of every group below; of those whose file cannot be read,
    /// none.
    ///
    /// # Errors
    /// A group cannot be opened or listed.
    pub fn read_below(&self, file: &str, take: impl FnMut(&str)) -> Result<(), Error> {
        below::visit(&self.dir, MAGIC, &mut Reading { file, take })
    }

    fn set_frozen(&self, wanted: &str, state: &'static str, limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            // Written again each time: a task that forked while freezing needs another push.
            self.dir.write(&Step::Freeze, "freezer.state", wanted)?;
            if self.dir.read("freezer.state")?.trim_end() == wanted {
                return Ok(());
            }
            if started.elapsed() >= limit {
                let path = self.path().to_owned();
                return Err(Error::Timeout {
                    path,
                    state,
                    waited: started.elapsed(),
                });
            }
            std::thread::sleep(POLL);
        }
    }

    /// Kills every process in and below the group and waits until it is empty. In the freezer's
    /// hierarchy the processes are frozen meanwhile, so that none can fork away.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] when the time is up.
    pub fn kill(&self, limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        let freezes = self.has_controller("freezer");
        loop {
            match self.procs_below() {
                Ok(pids) if pids.is_empty() => return Ok(()),
                Err(e) if e.is_gone() => return Ok(()),
                _ => {}
            }
            if freezes {
                match self.freeze(POLL * 10) {
                    Ok(()) | Err(Error::Timeout { .. }) => {}
                    Err(e) if e.is_gone() => return Ok(()),
                    Err(e) => return Err(e),
                }
            }
            let killed = kill_each(self.procs_below(), self.path());
            if freezes {
                // A frozen v1 task does not die before it is thawed.
                match self.thaw(POLL * 10).and_then(|()| self.thaw_below()) {
                    Ok(()) => {}
                    Err(e) if e.is_gone() => return Ok(()),
                    Err(e) => return Err(e),
                }
            }
            match killed {
                Ok(()) => {}
                Err(e) if e.is_gone() => return Ok(()),
                Err(e) => return Err(e),
            }
            match self.wait_empty(POLL * 10) {
                Err(Error::StillPopulated { .. }) if started.elapsed() < limit => {}
                result => return result,
            }
        }
    }

    /// Removes the group and all below it; processes are not touched. A group that still empties
    /// is tried again until `limit`.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] names the processes in the way.
    pub fn remove(self, limit: Duration) -> Result<(), Error> {
        self.dir.remove(MAGIC, limit)
    }

    /// The content of any of its files.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, file: &str) -> Result<String, Error> {
        self.dir.read(file)
    }

    /// Writes any of its files.
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

struct Thaw;

impl Visit for Thaw {
    fn enter(&mut self, group: &GroupDir) -> Result<bool, Error> {
        match group.write(&Step::Freeze, "freezer.state", "THAWED") {
            Err(e) if e.is_gone() => Ok(true),
            other => other.map(|()| true),
        }
    }
}

struct Reading<'a, F> {
    file: &'a str,
    take: F,
}

impl<F: FnMut(&str)> Visit for Reading<'_, F> {
    fn enter(&mut self, group: &GroupDir) -> Result<bool, Error> {
        if let Ok(text) = group.read(self.file) {
            (self.take)(&text);
        }
        Ok(true)
    }
}

impl AsFd for V1Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}
