//! Whose device filters to look at, and the directories where they are.
//!
//! cgroup v2 holds programs, a v1 `devices` hierarchy holds a list; on a hybrid host both decide,
//! so a subject has up to two directories.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use warren_lib_errchain::chain;
use warren_sys_cgroup::locate::{LocateError, Through, locate, locate_path, locate_v1};
use warren_sys_cgroup::{Cgroup, Identity, Layout, Located, NsPath, Process};
use warren_sys_mount::{CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, detached_cgroup2};

use crate::failure::{Failure, exit};

/// Flags that name a subject.
#[derive(clap::Args, Debug)]
pub struct Flags {
    /// The cgroup: its directory, or a path as in /proc/PID/cgroup [default: the caller's]
    #[arg(long, value_name = "PATH")]
    cgroup: Option<PathBuf>,

    /// The cgroup of this process
    #[arg(long, value_name = "PID", conflicts_with = "cgroup",
          value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
}

/// A directory of one hierarchy, and the part above it that can be seen.
#[derive(Debug)]
pub struct Place {
    /// Topmost directory in sight.
    pub root: PathBuf,
    /// The subject's.
    pub directory: PathBuf,
    /// What `root` is called for people.
    called: String,
    /// Keeps a mount of our own alive, through which `root` leads.
    _mount: Option<OwnedFd>,
}

/// Whose filters.
#[derive(Debug)]
pub struct Subject {
    /// Whether it is the caller's own cgroup.
    pub is_own: bool,
    /// Where programs are.
    pub v2: Option<Place>,
    /// Where the v1 controller's list is.
    pub v1: Option<Place>,
    /// What could not be found, and why.
    pub unknown: Vec<String>,
}

impl Flags {
    /// Finds the directories.
    ///
    /// # Errors
    /// Not a single one was found.
    pub fn subject(&self) -> Result<Subject, Failure> {
        let subject = match (&self.cgroup, self.pid.and_then(Pid::from_raw)) {
            (Some(path), _) => named(path),
            (None, Some(pid)) => of_process(Process::Pid(pid)),
            (None, None) => of_process(Process::Myself),
        };
        if subject.v2.is_none() && subject.v1.is_none() {
            let why = subject.unknown.join("; ");
            return Err(Failure::text(format!("the cgroup is not found: {why}"))
                .remedy("'warren cgroup show' tells which mounts and groups can be seen")
                .code(exit::UNKNOWN));
        }
        Ok(subject)
    }
}

impl Place {
    fn at(root: &Path, directory: &Path) -> Self {
        Place {
            root: root.to_owned(),
            directory: directory.to_owned(),
            called: root.display().to_string(),
            _mount: None,
        }
    }

    /// A directory's name for people: a mount of our own has no path of its own.
    pub fn name(&self, directory: &Path) -> String {
        match directory.strip_prefix(&self.root) {
            Ok(below) if below.as_os_str().is_empty() => self.called.clone(),
            Ok(below) => {
                let called = self.called.trim_end_matches('/');
                format!("{called}/{}", below.display())
            }
            Err(_) => directory.display().to_string(),
        }
    }
}

fn of_process(process: Process) -> Subject {
    let mut unknown = Vec::new();
    let located = match process {
        // Knowing the id, a directory can be proved to be the right one.
        Process::Myself => {
            let known = Identity::own().ok().map(|identity| identity.id);
            locate(process, known)
        }
        Process::Pid(_) => locate(process, None),
    };
    let v2 = keep(located, &mut unknown).and_then(|found| v2_place(&found, &mut unknown));
    let layout = keep(Layout::discover(), &mut unknown);
    let hierarchy = layout.as_ref().and_then(|layout| layout.v1("devices"));
    let v1 = hierarchy.and_then(|hierarchy| {
        let group = keep(locate_v1(process, hierarchy), &mut unknown)?;
        Some(Place::at(&hierarchy.mount.mount_point, group.path()))
    });
    Subject {
        is_own: process == Process::Myself,
        v2,
        v1,
        unknown,
    }
}

fn keep<T, E: std::error::Error>(result: Result<T, E>, unknown: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| unknown.push(chain(&error))).ok()
}

fn named(path: &Path) -> Subject {
    let mut subject = Subject {
        is_own: false,
        v2: None,
        v1: None,
        unknown: Vec::new(),
    };
    let magic = rustix::fs::statfs(path)
        .ok()
        .and_then(|stat| u64::try_from(stat.f_type).ok());
    match magic {
        Some(CGROUP2_SUPER_MAGIC) => subject.v2 = below_a_mount(path),
        Some(CGROUP_SUPER_MAGIC) => subject.v1 = below_a_mount(path),
        _ => {
            use std::os::unix::ffi::OsStrExt;
            match NsPath::parse(path.as_os_str().as_bytes()) {
                Some(group) => {
                    subject.v2 = keep(locate_path(&group), &mut subject.unknown)
                        .and_then(|found| v2_place(&found, &mut subject.unknown));
                }
                None => subject.unknown.push(format!(
                    "'{}' is neither a cgroup directory nor a path as in /proc/PID/cgroup",
                    path.display()
                )),
            }
        }
    }
    subject
}

/// The mount that a directory is below.
fn below_a_mount(path: &Path) -> Option<Place> {
    let path = std::fs::canonicalize(path).ok()?;
    let layout = Layout::discover().ok()?;
    let v1 = layout.v1.iter().map(|hierarchy| &hierarchy.mount);
    let mounts = layout.v2.iter().chain(v1);
    let nearest = mounts
        .map(|mount| &mount.mount_point)
        .filter(|point| path.starts_with(point))
        .max_by_key(|point| point.components().count())?;
    Some(Place::at(nearest, &path))
}

fn v2_place(found: &Located, unknown: &mut Vec<String>) -> Option<Place> {
    match &found.through {
        Through::Mount(point) => Some(Place::at(point, found.group.path())),
        Through::Detached(_) => keep(through_own_mount(&found.path), unknown),
    }
}

/// A mount in no mount table is reached through its descriptor.
fn through_own_mount(path: &NsPath) -> Result<Place, LocateError> {
    let mount = detached_cgroup2()?;
    let below = path
        .inside()
        .ok_or_else(|| LocateError::Outside(path.clone()))?;
    Cgroup::open_at(&mount.root, Path::new("(cgroup2)"), &below)?;
    let root = PathBuf::from(format!("/proc/self/fd/{}", mount.root.as_raw_fd()));
    Ok(Place {
        directory: if below.as_os_str().is_empty() {
            root.clone()
        } else {
            root.join(below)
        },
        root,
        called: "/".to_owned(),
        _mount: Some(mount.root),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_called_by_what_people_see() {
        let place = Place::at(Path::new("/sys/fs/cgroup"), Path::new("/sys/fs/cgroup/a"));
        assert_eq!(place.name(&place.root), "/sys/fs/cgroup");
        assert_eq!(place.name(&place.directory), "/sys/fs/cgroup/a");
        let own = Place {
            called: "/".to_owned(),
            ..Place::at(Path::new("/proc/self/fd/9"), Path::new("/proc/self/fd/9/a"))
        };
        assert_eq!(own.name(&own.root), "/");
        assert_eq!(own.name(&own.directory), "/a");
    }
}
