//! Processes with a root directory of their own in a container.
//!
//! Such a process is in all of the container's namespaces but two: that of mounts, and that of
//! cgroups, as its groups are its own.
//!
//! ```text
//! keeper  clone its root and binds ─► its groups ─► fork, born in the container's pid namespace
//! child   user, by its own passwd ─► ipc, uts, network ─► the container's devpts ─► user namespace
//!         ─► new namespaces of cgroups and mounts ─► root changed ─► program
//! ```
//!
//! The container's devpts is shown instead of a new one, so that the names of terminals, which are
//! the container's, are right.

use std::convert::Infallible;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::{DumpableBehavior, Pid, set_dumpable_behavior, umask};
use warren_sys_cgroup::GroupSet;
use warren_sys_process::namespaces::{self, Kind};

use super::channel::{Channel, Refusal};
use super::container::Devices;
use super::container::{Container, Spawned, Stdio};
use super::create::owner;
use super::error::{Error, Failure, SpawnError};
use super::mounts::{Sources, prepare};
use super::spawn::Home;
use super::{init, join, oom, rlimits, spawn};
use crate::bundle;
use crate::groups::{self, Place, make};
use crate::oci::Spec;
use crate::spec::{OwnRoot, ProcessSpec};

/// How long the groups of a process that could not be started may take to go.
const UNDO: Duration = Duration::from_secs(10);

/// Starts a process; see [`Container::spawn_with_root`].
pub(super) fn program(
    container: &Container,
    process: &ProcessSpec,
    stdio: Stdio,
) -> Result<Spawned, SpawnError> {
    let Some(own) = &process.own_root else {
        let failure = Failure::new("find", "the process's own root", Errno::INVAL);
        return Err(SpawnError::Step(failure));
    };
    let bundle = bundle::own_root::bundle(&container.bundle, own);
    let mut sources = Sources::of(&bundle).map_err(SpawnError::Step)?;
    let (place, groups) = make_groups(container, &bundle, own)?;
    let started = sources
        .add_groups(&bundle, &groups)
        .map_err(SpawnError::Step)
        .and_then(|()| start(container, &bundle, process, sources, &groups, &stdio));
    match started {
        Ok(pid) => Ok(Spawned { pid, groups }),
        Err(error) => {
            drop(groups);
            // The first error is the one to tell; what is left, the next attempt removes.
            let _secondary = groups::destroy(&place, UNDO);
            Err(error)
        }
    }
}

/// Its groups, and what has to be destroyed for them to go.
fn make_groups(
    container: &Container,
    bundle: &Spec,
    own: &OwnRoot,
) -> Result<(Place, GroupSet), SpawnError> {
    let owner = owner(bundle).map_err(|error| match error {
        Error::Init(failure) | Error::Keeper(failure) => SpawnError::Step(failure),
        error => SpawnError::Step(Failure::because("find", "the root user", &error)),
    })?;
    let failed = |error| SpawnError::Groups(Box::new(error));
    if own.limits.is_none() {
        let made = make::beside_init(&container.groups, &own.cgroup, owner).map_err(failed)?;
        return Ok((container.groups.place.child(&own.cgroup), made));
    }
    let resources = &bundle.linux.resources;
    let made = make::make(
        &container.parent,
        &own.cgroup,
        resources,
        Devices::Own,
        owner,
    )
    .map_err(failed)?;
    Ok((made.place, made.init))
}

fn start(
    container: &Container,
    bundle: &Spec,
    process: &ProcessSpec,
    sources: Sources,
    groups: &GroupSet,
    stdio: &Stdio,
) -> Result<Pid, SpawnError> {
    let host = namespaces::open(Path::new("/proc/self"), Kind::Mount)
        .map_err(|e| SpawnError::Step(Failure::because("open", "the mount namespace", &e)))?;
    let mut sources = Some(sources);
    let child = |channel: &Channel, born_in_v2: bool| {
        // There is one child that comes here, and it does so once.
        let Some(sources) = sources.take() else {
            return Failure::new("find", "the mounts", Errno::INVAL).into();
        };
        let joined = join::groups(groups, born_in_v2).map_err(Refusal::from);
        let Err(refusal) = joined
            .and_then(|()| execute(container, bundle, process, sources, &host, stdio, channel));
        refusal
    };
    spawn::in_child(
        container,
        Home::Group(groups.v2.as_ref()),
        child,
        true,
        &process.path,
    )
}

/// In the child: becomes the program.
fn execute(
    container: &Container,
    bundle: &Spec,
    process: &ProcessSpec,
    sources: Sources,
    host: &std::fs::File,
    stdio: &Stdio,
    channel: &Channel,
) -> Result<Infallible, Refusal> {
    use std::os::fd::AsFd;
    oom::offer(container.oom_score)
        .map_err(|error| Failure::because("set", "the OOM score", &error))?;
    rlimits::raise(&process.rlimits)?;
    let user = join::lookup(sources.root.as_fd(), &process.user)?;
    for (kind, file) in &container.namespaces {
        if matches!(kind, Kind::Ipc | Kind::Uts | Kind::Net) {
            join::join(*kind, file)?;
        }
    }
    join::own_stdio(container, stdio, &user)?;
    let terminals = terminals(container, host)?;
    join::user_namespace(container)?;
    // The host's files are in sight until the root is changed: nobody of the container may look
    // through this process. The change of user took that back.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| Failure::new("protect", "the process", e))?;
    umask(Mode::empty());
    namespaces::unshare(&[Kind::Cgroup, Kind::Mount])
        .map_err(|e| Failure::because("make", "the process's namespaces", &e))?;
    let (root, mut mounts) = prepare(bundle, sources)?;
    let own = mounts.iter_mut().find(|each| init::is(each, "/dev/pts"));
    if let (Some(own), Some(terminals)) = (own, terminals) {
        own.tree = terminals;
    }
    drop(init::settle(bundle, root, mounts)?);
    let mut process = process.clone();
    process.dir.get_or_insert_with(|| PathBuf::from("/"));
    let inherited = &bundle.process.env;
    spawn::become_program(container, &process, inherited, &user, stdio, channel)
}

/// A clone of the container's devpts, for which one has to be in its mount namespace. None if the
/// container has unmounted it.
fn terminals(container: &Container, host: &std::fs::File) -> Result<Option<OwnedFd>, Failure> {
    let Some(theirs) = container.namespace(Kind::Mount) else {
        return Ok(None);
    };
    let failed = |e| Failure::because("look into", "the container's mounts", &e);
    namespaces::enter(theirs, Kind::Mount).map_err(failed)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    // By descriptor: a path could lead to anything by now.
    let cloned = open_tree(&container.terminals, "", flags);
    join::join(Kind::Mount, host)?;
    match cloned {
        Ok(tree) => Ok(Some(tree)),
        Err(Errno::INVAL) => Ok(None),
        Err(e) => Err(Failure::new("bind", "the container's terminals", e)),
    }
}
