//! A child that goes into a container: its groups, its namespaces, its user.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, getpid, umask};
use warren_sys_cgroup::Cgroup;
use warren_sys_process::fork::{self, Fork};
use warren_sys_process::namespaces::{self, Kind};

use super::channel::Refusal;
use super::container::{Container, Stdio};
use super::error::{Failure, SpawnError};
use super::{identity, target};
use crate::oci::outside;
use crate::users::{self, LookupError, User};

/// Moves the calling process into the container's groups, or into `instead` in cgroup v2.
pub(super) fn groups(container: &Container, instead: Option<&Cgroup>) -> Result<(), Refusal> {
    let me: Pid = getpid();
    let groups = &container.groups.init;
    let failed = |e| Failure::because("join", "the container's control groups", &e);
    for group in &groups.v1 {
        group.add(me).map_err(failed)?;
    }
    let Some(group) = instead.or(groups.v2.as_ref()) else {
        return Ok(());
    };
    match group.add(me) {
        Err(e) if e.errno() == Some(Errno::BUSY) && instead.is_none() => Err(Refusal::GroupBusy),
        result => result.map_err(|e| failed(e).into()),
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
    users::lookup(root.as_fd(), user).map_err(|error| match error {
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

/// Forks a child that is born in the container's pid namespace.
pub(super) fn fork_in_pid_namespace(container: &Container) -> Result<Fork, SpawnError> {
    let mut kinds = container.namespaces.iter();
    if let Some((kind, file)) = kinds.find(|(kind, _)| *kind == Kind::Pid) {
        join(*kind, file).map_err(SpawnError::Step)?;
    }
    let forked = fork::fork();
    if matches!(forked, Ok(Fork::Child)) {
        return Ok(Fork::Child);
    }
    // The keeper's other children are its own; if this fails, so will the next fork.
    let own = namespaces::open(Path::new("/proc/self"), Kind::Pid);
    let _restored = own.and_then(|own| namespaces::enter(own.as_fd(), Kind::Pid));
    forked.map_err(|error| match error {
        // The pid namespace has no first process any more.
        fork::Error::Fork(Errno::NOMEM) => SpawnError::NotRunning,
        error => SpawnError::Fork(error),
    })
}

fn join(kind: Kind, file: &std::fs::File) -> Result<(), Failure> {
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
