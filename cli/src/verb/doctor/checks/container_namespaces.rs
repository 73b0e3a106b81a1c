//! The namespaces of containers, the ids in them, and what is mounted there.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};
use rustix::mount::MountAttrFlags;
use warren_container_runtime::bundle;
use warren_container_runtime::groups::Place;
use warren_container_runtime::oci::IdMapping;
use warren_container_runtime::spec::{ContainerSpec, INIT_PATH};
use warren_lib_errchain::chain;
use warren_sys_mount::detached;
use warren_sys_process::namespaces::Kind;

use super::super::child::in_child;
use super::{Facts, Finding};

const ADMIN: &str = "give the outer container CAP_SYS_ADMIN, and let clone(2) and unshare(2) with \
                     flags for namespaces pass its seccomp filter; raise user.max_*_namespaces on \
                     the host if they are used up (ENOSPC)";

/// In the order of clone(2)'s page; user namespaces, which privileged containers lack, have checks
/// of their own.
const KINDS: [Kind; 6] = [
    Kind::Mount,
    Kind::Pid,
    Kind::Net,
    Kind::Ipc,
    Kind::Uts,
    Kind::Cgroup,
];

/// Each alone, then all in one call, as the engine makes them.
pub fn kinds(_: &Facts) -> Finding {
    let refused: Vec<String> = KINDS
        .iter()
        .filter_map(|kind| {
            let made = in_child(&[*kind], &[], || ());
            made.err().map(|why| format!("{}: {why}", kind.link()))
        })
        .collect();
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.link()).collect();
    if let [first, others @ ..] = refused.as_slice() {
        return Finding::fail(first, ADMIN).and_all(others.iter().cloned());
    }
    match in_child(&KINDS, &[], std::process::id) {
        Ok(1) => Finding::pass(format!(
            "{}: each alone, and all at once; the child was pid 1",
            names.join(", ")
        )),
        Ok(pid) => Finding::fail(format!("a child in a new pid namespace is {pid}"), ADMIN),
        Err(why) => Finding::fail(format!("all at once: {why}"), ADMIN),
    }
}

/// What an unprivileged container here would be.
fn wish(privileged: bool) -> ContainerSpec {
    let mut spec = ContainerSpec::new("doctor", "/".into(), INIT_PATH.into(), Place::default());
    spec.privileged = privileged;
    spec
}

fn ids(facts: &Facts) -> Result<Vec<IdMapping>, String> {
    let host = facts.host()?;
    Ok(bundle::build(&wish(false), host).linux.uid_mappings)
}

/// The engine's own mapping, written as it writes it.
pub fn ids_of_unprivileged(facts: &Facts) -> Finding {
    let remedy = "see user-namespaces; give the outer container CAP_SETUID and CAP_SETGID; \
                  privileged containers need none";
    let ids = match ids(facts) {
        Ok(ids) => ids,
        Err(why) => {
            return Finding::unknown(why, "see capabilities and initial-user-namespace");
        }
    };
    let shown = |map: &IdMapping| match map.size {
        1 => format!("{} is {} here", map.container, map.host),
        size => format!(
            "{} to {} are {} and on",
            map.container,
            u64::from(map.container) + u64::from(size) - 1,
            map.host
        ),
    };
    let lines: Vec<String> = ids.iter().map(shown).collect();
    let own = || std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    match in_child(&[Kind::User], &ids, own) {
        Ok(map) if map.lines().count() == ids.len() => {
            Finding::pass(format!("mapped: {}", lines.join(", ")))
        }
        Ok(map) => Finding::warn(format!("the map reads {map:?}"), remedy),
        Err(why) => Finding::warn(why, remedy),
    }
}

/// Kernel file systems of the engine's bundles, as containers mount them.
pub fn mounts(facts: &Facts) -> Finding {
    let remedy = "keep the outer container's /proc and /sys unmasked (docker: --security-opt \
                  systempaths=unconfined): the kernel lets a user namespace mount what its owner \
                  sees whole; privileged containers need CAP_SYS_ADMIN alone";
    let privileged = match in_child(&KINDS, &[], || mounted(true)) {
        Ok(lines) => lines,
        Err(why) => return Finding::fail(why, "see container-namespaces"),
    };
    if !privileged.is_empty() {
        let lines = privileged.iter().map(|line| format!("privileged: {line}"));
        return Finding::fail("a privileged container lacks a file system", remedy).and_all(lines);
    }
    let every: Vec<Kind> = [Kind::User].into_iter().chain(KINDS).collect();
    let unprivileged = ids(facts).and_then(|ids| in_child(&every, &ids, || mounted(false)));
    match unprivileged {
        Ok(lines) if lines.is_empty() => Finding::pass(
            "proc, sysfs, tmpfs, mqueue and a devpts of its own, with a terminal, in a privileged \
             and in an unprivileged container",
        ),
        Ok(lines) => {
            Finding::warn("an unprivileged container lacks a file system", remedy).and_all(lines)
        }
        Err(why) => Finding::warn(
            format!("privileged containers can mount all; unprivileged ones: {why}"),
            "see container-ids",
        ),
    }
}

/// What cannot be mounted, in words.
fn mounted(privileged: bool) -> Vec<String> {
    let mut refused = Vec::new();
    for mount in bundle::mounts::list(&wish(privileged)) {
        let Some(kind) = mount.kind.as_deref() else {
            continue;
        };
        // Those of cgroups have checks of their own; binds are no file systems.
        if matches!(kind, "cgroup" | "bind") {
            continue;
        }
        let options = || mount.options.iter().filter(|option| !is_flag(option));
        let pairs: Vec<(&str, Option<&str>)> = options()
            .map(|option| match option.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (option.as_str(), None),
            })
            .collect();
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let outcome = match detached(kind, &pairs, attributes) {
            Ok(made) if kind == "devpts" => terminal(made.as_fd()),
            Ok(_) => Ok(()),
            Err(error) => Err(chain(&error)),
        };
        let at = mount.destination.display();
        refused.extend(outcome.err().map(|why| format!("{kind} for {at}: {why}")));
    }
    refused
}

/// Whether an option is about the mount, not the file system.
fn is_flag(option: &str) -> bool {
    matches!(
        option,
        "nosuid" | "noexec" | "nodev" | "ro" | "rw" | "strictatime" | "newinstance"
    )
}

/// Opening `ptmx` makes a terminal, the instance's first.
fn terminal(devpts: std::os::fd::BorrowedFd<'_>) -> Result<(), String> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let _master = openat(devpts, "ptmx", flags, Mode::empty())
        .map_err(|errno| format!("opening ptmx: {errno}"))?;
    statat(devpts, "0", AtFlags::SYMLINK_NOFOLLOW)
        .map(drop)
        .map_err(|errno| format!("looking for the terminal: {errno}"))
}
