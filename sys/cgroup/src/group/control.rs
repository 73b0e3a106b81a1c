//! Controllers, delegation, and making room for child groups.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Gid, Uid};
use rustix::io::Errno;
use rustix::process::Pid;

use super::{Cgroup, MAGIC};
use crate::dir::GroupDir;
use crate::error::{Error, Step, Undelegated};

/// Where the kernel lists what a delegatee must own.
const DELEGATE_LIST: &str = "/sys/kernel/cgroup/delegate";

/// The list for kernels and containers that do not show it (`cgroup_delegate` of Linux 4.15).
const DELEGATE_MINIMUM: [&str; 3] = ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];

/// What became of the wish to enable one controller.
#[derive(Debug)]
pub struct Enabled {
    /// The controller.
    pub controller: String,
    /// `Ok` if child groups now have it (or had it already).
    pub result: Result<(), Error>,
}

/// Outcome of [`Cgroup::evacuate`].
#[derive(Debug)]
pub struct Evacuated {
    /// The leaf that now has the processes.
    pub leaf: Cgroup,
    /// How many were moved.
    pub moved: usize,
    /// Kernel threads that must stay (only ever in the real root).
    pub immovable: Vec<i32>,
}

impl Cgroup {
    /// Controllers the parent hands down to this group (`cgroup.controllers`).
    ///
    /// # Errors
    /// The group is gone.
    pub fn controllers(&self) -> Result<Vec<String>, Error> {
        Ok(words(&self.dir.read("cgroup.controllers")?))
    }

    /// Controllers this group hands down to its children (`cgroup.subtree_control`).
    ///
    /// # Errors
    /// The group is gone.
    pub fn enabled(&self) -> Result<Vec<String>, Error> {
        Ok(words(&self.dir.read("cgroup.subtree_control")?))
    }

    /// Enables controllers for child groups, each by its own write, each read back. One that fails
    /// does not keep the others from being enabled.
    ///
    /// # Errors
    /// The group is gone. Failures of single controllers are in the answer.
    pub fn enable(&self, controllers: &[&str]) -> Result<Vec<Enabled>, Error> {
        let available = self.controllers()?;
        let already = self.enabled()?;
        let one = |controller: &&str| -> Result<(), Error> {
            let same = |c: &String| c == controller;
            if already.iter().any(same) {
                return Ok(());
            }
            if !available.iter().any(same) {
                return Err(self.undelegated(controller));
            }
            let step = Step::Enable((*controller).to_owned());
            self.dir
                .write(&step, "cgroup.subtree_control", &format!("+{controller}"))?;
            if self.enabled()?.iter().any(same) {
                return Ok(());
            }
            let path = self.path().join("cgroup.subtree_control");
            Err(Error::unexpected(
                &path,
                "the controller just enabled",
                controller,
            ))
        };
        let outcome = |c: &&str| Enabled {
            controller: (*c).to_owned(),
            result: one(c),
        };
        Ok(controllers.iter().map(outcome).collect())
    }

    /// Checks up front that all these controllers are handed down to this group, so that what needs
    /// them fails early and with a reason each.
    ///
    /// # Errors
    /// One error per controller that is missing.
    pub fn require(&self, controllers: &[&str]) -> Result<(), Vec<Error>> {
        let available = self.controllers().map_err(|e| vec![e])?;
        let is_missing = |c: &&&str| !available.iter().any(|a| a == **c);
        let missing: Vec<Error> = controllers
            .iter()
            .filter(is_missing)
            .map(|c| self.undelegated(c))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing)
        }
    }

    /// To whom the group is delegated: the one user who owns its directory and the files needed to
    /// run a subtree in it. `None` if these have different owners.
    ///
    /// # Errors
    /// The group is gone.
    pub fn delegated_to(&self) -> Result<Option<Uid>, Error> {
        let mut owner = None;
        for file in ["."].iter().chain(&DELEGATE_MINIMUM) {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let stat = rustix::fs::statat(self.dir.as_fd(), *file, flags)
                .map_err(|e| Error::kernel(Step::Read, &self.path().join(file), e))?;
            let uid = Uid::from_raw(stat.st_uid);
            if owner.is_some_and(|o| o != uid) {
                return Ok(None);
            }
            owner = Some(uid);
        }
        Ok(owner)
    }

    /// Disables a controller for child groups.
    ///
    /// # Errors
    /// [`Meaning::ChildrenUseIt`](crate::Meaning::ChildrenUseIt), or the group is gone.
    pub fn disable(&self, controller: &str) -> Result<(), Error> {
        let step = Step::Disable(controller.to_owned());
        self.dir
            .write(&step, "cgroup.subtree_control", &format!("-{controller}"))
    }

    /// Why this group lacks `controller`: walks up until an ancestor has it.
    #[must_use]
    pub fn undelegated(&self, controller: &str) -> Error {
        let reason = match self.who_withholds(controller) {
            Ok(reason) => reason,
            Err(e) => return e,
        };
        Error::NoController {
            controller: controller.to_owned(),
            path: self.path().to_owned(),
            reason,
        }
    }

    fn who_withholds(&self, controller: &str) -> Result<Undelegated, Error> {
        let has = |dir: &GroupDir| -> Result<bool, Error> {
            Ok(words(&dir.read("cgroup.controllers")?)
                .iter()
                .any(|c| c == controller))
        };
        let mut topmost = self.path().to_owned();
        let mut inode = self.dir.inode();
        let mut climb = PathBuf::from("..");
        loop {
            let named = normal_parent(&topmost);
            let parent = GroupDir::open_at(self.dir.as_fd(), &climb, named, MAGIC);
            // Above the mount's root lies another file system, or the root is its own parent.
            let parent = match parent {
                Ok(parent) if parent.inode() != inode => parent,
                Ok(_) | Err(Error::WrongFileSystem { .. }) => break,
                Err(e) => return Err(e),
            };
            if has(&parent)? {
                return Ok(Undelegated::NotEnabledIn(parent.path().to_owned()));
            }
            topmost = parent.path().to_owned();
            inode = parent.inode();
            climb.push("..");
        }
        let v1_hierarchy = bound_to_v1(Path::new("/proc"), controller);
        Ok(Undelegated::NotInRoot {
            root: topmost,
            v1_hierarchy,
        })
    }

    /// Hands the group to a user: the directory and the files the kernel says a delegatee needs.
    /// Limits of the group itself stay with the present owner.
    ///
    /// # Errors
    /// An owner cannot be changed.
    pub fn delegate(&self, uid: Uid, gid: Gid) -> Result<(), Error> {
        let listed = std::fs::read_to_string(DELEGATE_LIST).ok();
        let files: Vec<&str> = match &listed {
            Some(text) => text.lines().collect(),
            None => DELEGATE_MINIMUM.to_vec(),
        };
        for file in files {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            match rustix::fs::chownat(self.dir.as_fd(), file, Some(uid), Some(gid), flags) {
                Ok(()) => {}
                // Listed for a controller that this group does not have.
                Err(Errno::NOENT) if self.is_alive() => {}
                Err(e) => return Err(Error::kernel(Step::Delegate, &self.path().join(file), e)),
            }
        }
        // The directory last: with it the delegatee may begin.
        rustix::fs::fchown(self.dir.as_fd(), Some(uid), Some(gid))
            .map_err(|e| Error::kernel(Step::Delegate, self.path(), e))
    }

    /// Moves every process of this group into the child `leaf`, so that controllers may be enabled
    /// (the no-internal-process rule holds for namespace roots too). Forks during the move are
    /// caught by looking again until nothing is left.
    ///
    /// # Errors
    /// [`Error::StillPopulated`] if processes keep appearing until `limit`, or are of another pid
    /// namespace and so cannot be named.
    pub fn evacuate(&self, leaf: &str, limit: Duration) -> Result<Evacuated, Error> {
        let leaf = self.create_or_open(leaf)?;
        let started = Instant::now();
        let mut moved = 0;
        loop {
            let mut immovable = Vec::new();
            let mut foreign = false;
            let mut progressed = false;
            for pid in self.procs()? {
                let Some(process) = Pid::from_raw(pid) else {
                    foreign = true;
                    continue;
                };
                match leaf.add(process) {
                    Ok(()) => {
                        moved += 1;
                        progressed = true;
                    }
                    Err(e) if e.errno() == Some(Errno::SRCH) => progressed = true,
                    Err(e) if e.errno() == Some(Errno::INVAL) => immovable.push(pid),
                    Err(e) => return Err(e),
                }
            }
            if !progressed && !foreign {
                return Ok(Evacuated {
                    leaf,
                    moved,
                    immovable,
                });
            }
            if started.elapsed() >= limit || (foreign && !progressed) {
                let path = self.path().to_owned();
                let pids = self.procs()?;
                return Err(Error::StillPopulated {
                    path,
                    pids,
                    waited: started.elapsed(),
                });
            }
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The parent's name for messages: `/a/b` → `/a`.
fn normal_parent(path: &Path) -> PathBuf {
    match (path.file_name(), path.parent()) {
        (Some(_), Some(parent)) => parent.to_owned(),
        _ => path.join(".."),
    }
}

/// The v1 hierarchy that `/proc/cgroups` says a controller is bound to. Its columns are name,
/// hierarchy (0 = v2 or none), number of groups, enabled.
fn bound_to_v1(proc_root: &Path, controller: &str) -> Option<u32> {
    let text = std::fs::read_to_string(proc_root.join("cgroups")).ok()?;
    let line = text
        .lines()
        .find(|l| l.split_ascii_whitespace().next() == Some(controller))?;
    line.split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
        .filter(|n| *n != 0)
}
