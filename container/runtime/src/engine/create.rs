//! The keeper's part in making a container.
//!
//! ```text
//! clone binds ─► groups ─► fork into new namespaces ─► id maps ─► "go" ─► show the network namespace
//!   ─► "ready" ─► open init's namespaces
//! ```
//!
//! If a step fails, the child is killed and waited for, and the groups are removed.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Gid, Pid, Signal, Uid, WaitOptions, kill_process, set_dumpable_behavior,
    waitpid,
};
use warren_sys_process::fork::{self, Fork};
use warren_sys_process::namespaces::{self, Kind};

use super::channel::{Channel, Message, PATIENCE, Received, Refusal};
use super::container::{Container, Options, Waiting};
use super::error::{Error, Failure};
use super::init;
use super::mounts::Sources;
use super::oom;
use super::seccomp::Filter;
use crate::groups::{self, Groups, make::make};
use crate::oci::{IdMapping, Spec, outside};

/// How long what was made may take to go when something failed.
const UNDO: Duration = Duration::from_secs(10);

/// Namespaces by their name in a bundle, in the order in which they are joined: that of users last,
/// because it takes away what the others need.
const KINDS: [(&str, Kind); 7] = [
    ("pid", Kind::Pid),
    ("cgroup", Kind::Cgroup),
    ("ipc", Kind::Ipc),
    ("uts", Kind::Uts),
    ("network", Kind::Net),
    ("mount", Kind::Mount),
    ("user", Kind::User),
];

pub(super) fn create(
    bundle: &Spec,
    options: &Options,
    tell: &mut dyn FnMut(BorrowedFd<'_>),
) -> Result<Container, Error> {
    fork::single_thread()?;
    let kinds = kinds(bundle)?;
    for needed in ["pid", "mount"] {
        // What a container is for others; one that is there for its own work may do without.
        if !bundle.linux.has_namespace(needed) && !options.first.is_the_work {
            return Err(Error::Bundle(format!("there is no {needed} namespace")));
        }
    }
    let filter = Filter::compile(bundle.linux.seccomp.as_ref()).map_err(Error::Bundle)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| Error::Keeper(Failure::new("protect", "the keeper", e)))?;
    let mut sources = Sources::of(bundle).map_err(Error::Keeper)?;
    let groups = make(
        &options.parent,
        &bundle.linux.cgroups_path,
        &bundle.linux.resources,
        options.devices,
        owner(bundle)?,
    )?;
    let made = sources
        .add_groups(bundle, &groups.init)
        .map_err(Error::Keeper)
        .and_then(|()| fork_init(bundle, options, &kinds, &filter, sources, &groups, tell));
    let protect = |init| match options.first.is_the_work {
        true => Ok(None),
        false => oom::protect(init, &bundle.linux.resources),
    };
    let made = made.and_then(|made| match protect(made.init) {
        Ok(oom_score) => Ok((made, oom_score)),
        Err(error) => {
            end(made.init);
            let failure = Failure::because("read", "init's OOM score", &error);
            Err(Error::Keeper(failure))
        }
    });
    match made {
        Ok((made, oom_score)) => Ok(Container {
            init: made.init,
            oom_score,
            groups,
            parent: options.parent.clone(),
            waiting: Some(Waiting::Engine(made.channel)),
            namespaces: made.namespaces,
            terminals: made.terminals,
            bundle: bundle.clone(),
            filter,
        }),
        Err(error) => {
            // The first error is the one to tell; whoever tries again removes what is left.
            let _secondary = groups::destroy(&groups.place, UNDO);
            Err(error)
        }
    }
}

/// Has init execute its program.
pub(super) fn start(init: Pid, channel: &Channel) -> Result<(), Error> {
    channel.send(&Message::Start, None);
    let answer = expect_ready(channel).and_then(|_| match receive(channel)? {
        Received::End => Ok(()),
        other => Err(unexpected(other)),
    });
    answer.inspect_err(|_| end(init))
}

/// Kills a child and waits for it.
pub(super) fn end(pid: Pid) {
    // It is a child of ours that nobody has waited for, so the number is still its own.
    let _gone = kill_process(pid, Signal::KILL);
    while matches!(
        waitpid(Some(pid), WaitOptions::empty()),
        Err(Errno::INTR) | Ok(None)
    ) {}
}

struct Made {
    init: Pid,
    channel: Channel,
    namespaces: Vec<(Kind, File)>,
    terminals: OwnedFd,
}

fn fork_init(
    bundle: &Spec,
    options: &Options,
    kinds: &[Kind],
    filter: &Filter,
    sources: Sources,
    groups: &Groups,
    tell: &mut dyn FnMut(BorrowedFd<'_>),
) -> Result<Made, Error> {
    let (channel, theirs) =
        Channel::pair().map_err(|e| Error::Keeper(Failure::new("make", "a socket", e)))?;
    // A cgroup namespace is rooted at the group of who makes it, so it comes when init is there.
    let at_birth: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| *kind != Kind::Cgroup)
        .collect();
    let group = groups.init.v2.as_ref().map(AsFd::as_fd);
    let init = match fork::fork_into(&at_birth, group)? {
        (Fork::Child, born_in_v2) => {
            drop(channel);
            let _never = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let groups = (&groups.init, born_in_v2);
                init::run(bundle, &options.first, filter, sources, groups, &theirs)
            }));
            fork::exit(101)
        }
        (Fork::Parent(pid), _) => pid,
    };
    drop((theirs, sources));
    let led = lead(bundle, kinds, init, &channel, tell);
    match led {
        Ok((namespaces, terminals)) => Ok(Made {
            init,
            channel,
            namespaces,
            terminals,
        }),
        Err(error) => {
            end(init);
            Err(error)
        }
    }
}

fn lead(
    bundle: &Spec,
    kinds: &[Kind],
    init: Pid,
    channel: &Channel,
    tell: &mut dyn FnMut(BorrowedFd<'_>),
) -> Result<(Vec<(Kind, File)>, OwnedFd), Error> {
    let keeper = |step: &'static str, object: &'static str| {
        move |e: &(dyn std::error::Error + 'static)| {
            Error::Keeper(Failure::because(step, object, e))
        }
    };
    let task = Path::new("/proc").join(init.as_raw_nonzero().to_string());
    if bundle.linux.has_namespace("user") {
        write_map(&task.join("uid_map"), &bundle.linux.uid_mappings)?;
        write_map(&task.join("gid_map"), &bundle.linux.gid_mappings)?;
    }
    channel.send(&Message::Go, None);
    let opening = keeper("open", "the container's namespaces");
    if kinds.contains(&Kind::Net) && !has_parameters_of_links(bundle) {
        let network = namespaces::open(&task, Kind::Net).map_err(|e| opening(&e))?;
        tell(network.as_fd());
    }
    let terminals = expect_ready(channel)?
        .ok_or_else(|| Error::Keeper(Failure::new("receive", "the terminals", Errno::PROTO)))?;
    let namespaces = kinds
        .iter()
        .map(|kind| Ok((*kind, namespaces::open(&task, *kind)?)));
    let namespaces = namespaces.collect::<Result<Vec<_>, namespaces::Error>>();
    Ok((namespaces.map_err(|e| opening(&e))?, terminals))
}

/// Whether init is to set kernel parameters that a link takes over when it is made (`conf.default`), or
/// that are a link's own.
fn has_parameters_of_links(bundle: &Spec) -> bool {
    let of_links = |name: &String| name.contains(".conf.") || name.contains(".neigh.");
    bundle.linux.sysctl.keys().any(of_links)
}

fn expect_ready(channel: &Channel) -> Result<Option<OwnedFd>, Error> {
    match receive(channel)? {
        Received::Message(Message::Ready, descriptor) => Ok(descriptor),
        other => Err(unexpected(other)),
    }
}

fn receive(channel: &Channel) -> Result<Received, Error> {
    channel
        .receive(Some(PATIENCE))
        .map_err(|e| Error::Keeper(Failure::new("hear from", "the first process", e)))
}

fn unexpected(received: Received) -> Error {
    match received {
        Received::Message(Message::Failed(Refusal::Step(failure)), _) => Error::Init(failure),
        Received::Nothing => Error::TimedOut(PATIENCE),
        Received::Message(..) | Received::End => Error::Died,
    }
}

/// The kinds of the bundle's namespaces, in the order of [`KINDS`].
pub(super) fn kinds(bundle: &Spec) -> Result<Vec<Kind>, Error> {
    for namespace in &bundle.linux.namespaces {
        let known = KINDS.iter().any(|(name, _)| *name == namespace.kind);
        if !known || namespace.path.is_some() {
            let kind = &namespace.kind;
            return Err(Error::Bundle(format!("no new namespace of type {kind}")));
        }
    }
    if !bundle.linux.has_namespace("mount") && !bundle.mounts.is_empty() {
        let reason = "there is no mount namespace for what is to be mounted";
        return Err(Error::Bundle(reason.to_owned()));
    }
    let wanted = KINDS
        .iter()
        .filter(|(name, _)| bundle.linux.has_namespace(name));
    Ok(wanted.map(|(_, kind)| *kind).collect())
}

/// Who the container's root is outside; `None` if it is who we are.
pub(super) fn owner(bundle: &Spec) -> Result<Option<(Uid, Gid)>, Error> {
    let linux = &bundle.linux;
    if linux.uid_mappings.is_empty() && linux.gid_mappings.is_empty() {
        return Ok(None);
    }
    match (
        outside(&linux.uid_mappings, 0),
        outside(&linux.gid_mappings, 0),
    ) {
        (Some(uid), Some(gid)) => Ok(Some((Uid::from_raw(uid), Gid::from_raw(gid)))),
        _ => Err(Error::Bundle("its id mappings have no root".to_owned())),
    }
}

fn write_map(path: &PathBuf, mappings: &[IdMapping]) -> Result<(), Error> {
    let line = |each: &IdMapping| format!("{} {} {}\n", each.container, each.host, each.size);
    let text: String = mappings.iter().map(line).collect();
    std::fs::write(path, text)
        .map_err(|e| Error::Keeper(Failure::because("write", path.display(), &e)))
}
