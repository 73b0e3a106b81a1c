//! A child that goes into a container: its groups, its namespaces, its user.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{getpid, umask};
use warren_sys_cgroup::{Cgroup, GroupSet};
use warren_sys_process::fork::{self, Fork};
use warren_sys_process::namespaces::{self, Kind};

use super::channel::Refusal;
use super::container::{Container, Stdio};
use super::error::{Failure, SpawnError};
use super::{identity, target};
use crate::oci::outside;
use crate::users::{self, LookupError, User};

/// Moves the calling process into the groups; in that of cgroup v2 it may be since its birth.
///
/// A process of one thread that moves itself by the `tasks` file of v1 is spared the lock over all
/// of the machine's forks and exits, for which the kernel waits until every CPU has passed by: some
/// ten milliseconds.
pub(super) fn groups(groups: &GroupSet, born_in_v2: bool) -> Result<(), Failure> {
    let failed = |e| Failure::because("join", "the container's control groups", &e);
    for group in &groups.v1 {
        group.write("tasks", "0").map_err(failed)?;
    }
    match groups.v2.as_ref().filter(|_| !born_in_v2) {
        Some(group) => group.add(getpid()).map_err(failed),
        None => Ok(()),
    }
}

/// Joins the container's namespaces, up to that of users, and finds the user by the container's own
/// files.
pub(super) fn namespaces_but_users(container: &Container, user: &str) -> Result<User, Refusal> {
    for (kind, file) in &container.namespaces {
        // The process was born in the pid namespace.
        if !matches!(kind, Kind::Pid | Kind::User) {
            join(*kind, file)?;
        }
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, "/", flags, Mode::empty())
        .map_err(|e| Failure::new("open", "the container's root", e))?;
    lookup(root.as_fd(), user)
}

/// Finds the user by the files below a root directory.
pub(super) fn lookup(root: BorrowedFd<'_>, user: &str) -> Result<User, Refusal> {
    users::lookup(root, user).map_err(|error| match error {
        LookupError::NoUser(name) => Refusal::NoUser(name),
        LookupError::NoGroup(name) => Refusal::NoGroup(name),
        LookupError::File { file, source } => {
            Refusal::UserFile(file.to_owned(), source.raw_os_error())
        }
    })
}

/// Joins the container's user namespace, if it has its own, as its root.
pub(super) fn user_namespace(container: &Container) -> Result<(), Refusal> {
    let own = container
        .namespaces
        .iter()
        .find(|(kind, _)| *kind == Kind::User);
    if let Some((kind, file)) = own {
        join(*kind, file)?;
        identity::become_root()?;
    }
    Ok(())
}

/// Forks a child that is born in the container's pid namespace and, if the kernel can, in `group`;
/// the second value tells whether it is.
pub(super) fn fork_inside(
    container: &Container,
    group: Option<&Cgroup>,
) -> Result<(Fork, bool), Refused> {
    let mut kinds = container.namespaces.iter();
    if let Some((kind, file)) = kinds.find(|(kind, _)| *kind == Kind::Pid) {
        join(*kind, file).map_err(|failure| Refused::Other(SpawnError::Step(failure)))?;
    }
    let forked = fork::fork_into(&[], group.map(AsFd::as_fd));
    if let Ok((Fork::Child, born_in_group)) = forked {
        return Ok((Fork::Child, born_in_group));
    }
    // The keeper's other children are its own; if this fails, so will the next fork.
    let own = namespaces::open(Path::new("/proc/self"), Kind::Pid);
    let _restored = own.and_then(|own| namespaces::enter(own.as_fd(), Kind::Pid));
    forked.map_err(|error| match error {
        fork::Error::Fork(Errno::BUSY) => Refused::GroupBusy,
        // The pid namespace has no first process any more.
        fork::Error::Fork(Errno::NOMEM) => Refused::Other(SpawnError::NotRunning),
        error => Refused::Other(SpawnError::Fork(error)),
    })
}

/// Why there is no child.
pub(super) enum Refused {
    /// A manager inside has enabled controllers in the group.
    GroupBusy,
    /// Another reason.
    Other(SpawnError),
}

pub(super) fn join(kind: Kind, file: &std::fs::File) -> Result<(), Failure> {
    namespaces::enter(file.as_fd(), kind)
        .map_err(|e| Failure::because("join", "the container's namespaces", &e))
}

/// Gives pipes and terminals to the user, who may want to open them again as `/dev/stdout`. It has
/// to be done with the keeper's rights, by the number that the user has outside.
pub(super) fn own_stdio(container: &Container, stdio: &Stdio, user: &User) -> Result<(), Refusal> {
    let linux = &container.bundle.linux;
    let Some(uid) = outside(&linux.uid_mappings, user.uid) else {
        let object = format!("user {}", user.uid);
        let failure = Failure::new("become", object, Errno::INVAL);
        return Err(failure.hint("the container has no such id").into());
    };
    let descriptors = match stdio {
        Stdio::Files {
            stdin,
            stdout,
            stderr,
        } => vec![stdin, stdout, stderr],
        Stdio::Terminal(slave) => vec![slave],
    };
    for descriptor in descriptors {
        let failed = |e| Failure::new("hand over", "a standard stream", e);
        let stat = rustix::fs::fstat(descriptor).map_err(failed)?;
        let private = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Fifo | FileType::Socket => true,
            FileType::CharacterDevice => matches!(stdio, Stdio::Terminal(_)),
            _ => false,
        };
        if private && stat.st_uid != uid {
            let uid = Some(rustix::fs::Uid::from_raw(uid));
            rustix::fs::fchown(descriptor, uid, None).map_err(failed)?;
        }
    }
    Ok(())
}

/// The directory to begin in, made for the user if it is missing.
pub(super) fn directory(user: &User, wanted: Option<&Path>) -> Result<PathBuf, Refusal> {
    let wanted = wanted.filter(|path| !path.as_os_str().is_empty());
    let path = Path::new("/").join(match wanted {
        Some(path) => user.home.join(path),
        None => user.home.clone(),
    });
    umask(Mode::from_raw_mode(0o022));
    target::make_directory(&path, (user.uid, user.gid)).map_err(|e| {
        let failure = Failure::new("make", path.display(), e);
        Refusal::Directory(path.display().to_string(), failure)
    })?;
    Ok(path)
}

/// Enters a directory: as root, else later as the user, who may be let in where root is not.
pub(super) fn enter(path: &Path) -> Result<(), Refusal> {
    rustix::process::chdir(path).map_err(|e| {
        let failure = Failure::new("enter", path.display(), e);
        Refusal::Directory(path.display().to_string(), failure)
    })
}
