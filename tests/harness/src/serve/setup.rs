//! Becoming what the specification says.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use warren_sys_process::{capabilities, namespaces};

use super::{During, Failure, failure, with_pid};
use crate::mountinfo;
use crate::protocol::{MountStep, Ns, Reply, Spec};

/// Joins the cgroup and the namespaces. Returns what is left to do, and whether
/// only a child will be in the right pid namespace.
pub(super) fn before_pid_namespace(mut spec: Spec) -> Result<(Spec, bool), Failure> {
    if let Some(cgroup) = spec.cgroup.take() {
        join_cgroup(&cgroup)?;
    }
    // All are opened before any is entered: afterwards the paths may lead elsewhere.
    let links = std::mem::take(&mut spec.join)
        .into_iter()
        .map(|(ns, path)| {
            let link = File::open(&path).during(|| format!("open {}", path.display()))?;
            Ok((ns, link))
        })
        .collect::<Result<Vec<(Ns, File)>, Failure>>()?;
    let joined: Vec<Ns> = links.iter().map(|(ns, _)| *ns).collect();
    for (ns, link) in &links {
        namespaces::enter(link.as_fd(), ns.kind())
            .map_err(|error| failure("join", chain(&error)))?;
    }
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    if !spec.unshare.is_empty() {
        let kinds: Vec<_> = spec.unshare.iter().map(|ns| ns.kind()).collect();
        namespaces::unshare(&kinds).map_err(|error| failure("unshare", chain(&error)))?;
    }
    if spec.unshare.contains(&Ns::User) {
        map_ids(user, group)?;
    }
    let needs_child = with_pid(&joined) || with_pid(&spec.unshare);
    Ok((spec, needs_child))
}

/// Root inside is `user` and `group` outside.
fn map_ids(user: u32, group: u32) -> Result<(), Failure> {
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), text).during(|| format!("write {file}"))?;
    }
    Ok(())
}

/// Mounts, network, capabilities and ids.
pub(super) fn after_pid_namespace(spec: &Spec) -> Result<(), Failure> {
    if spec.unshare.contains(&Ns::Mount) {
        let own = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", own).during(|| "make all mounts private".to_owned())?;
        if with_pid(&spec.unshare) {
            mount_new("proc", Path::new("/proc"))?;
        }
    }
    for step in &spec.mounts {
        mount_step(step)?;
    }
    if spec.unshare.contains(&Ns::Net) {
        loopback_up()?;
    }
    let drop = CapabilitySet::from_bits_retain(spec.drop_capabilities);
    if !drop.is_empty() {
        let keep = capabilities::bounding().map_err(|error| failure("drop", chain(&error)))? - drop;
        capabilities::keep_only(keep).map_err(|error| failure("drop", chain(&error)))?;
    }
    if let Some((uid, gid)) = spec.ids {
        set_ids(uid, gid)?;
    }
    Ok(())
}

fn loopback_up() -> Result<(), Failure> {
    let step = "ip link set lo up (Debian package iproute2)";
    let output = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .output()
        .during(|| step.to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    Err(failure(
        step,
        String::from_utf8_lossy(&output.stderr).trim(),
    ))
}

fn mount_step(step: &MountStep) -> Result<(), Failure> {
    match step {
        MountStep::DetachTypes(kinds) => detach(|mount| kinds.contains(&mount.kind)),
        MountStep::DetachBelow(path) => detach(|mount| mount.point.starts_with(path)),
        MountStep::Mount { kind, target } => mount_new(kind, target),
        MountStep::Bind { source, target } => mount_bind_recursive(source, target)
            .during(|| format!("bind {} to {}", source.display(), target.display())),
        MountStep::ReadOnly(path) => {
            mount_remount(path, MountFlags::BIND | MountFlags::RDONLY, c"")
                .during(|| format!("make {} read-only", path.display()))
        }
    }
}

fn mount_new(kind: &str, target: &Path) -> Result<(), Failure> {
    if !target.is_dir() {
        fs::create_dir_all(target).during(|| format!("make {}", target.display()))?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let flags = if kind == "tmpfs" {
        MountFlags::NOSUID
    } else {
        flags
    };
    mount(kind, target, kind, flags, None)
        .during(|| format!("mount {kind} at {}", target.display()))
}

/// Detaches the mounts that `which` picks, the latest first.
fn detach(which: impl Fn(&mountinfo::Mount) -> bool) -> Result<(), Failure> {
    let mounts = mountinfo::read().during(|| "read mountinfo".to_owned())?;
    for mount in mounts.iter().rev().filter(|mount| which(mount)) {
        unmount(&mount.point, UnmountFlags::DETACH)
            .during(|| format!("unmount {}", mount.point.display()))?;
    }
    Ok(())
}

/// Moves this whole process into the cgroup with this directory.
pub(super) fn join_cgroup(directory: &Path) -> Result<(), Failure> {
    let procs = directory.join("cgroup.procs");
    File::options()
        .write(true)
        .open(&procs)
        .and_then(|mut file| file.write_all(b"0"))
        .during(|| format!("join {}", procs.display()))
}

/// Gives up supplementary groups, then becomes this group and user for good.
pub(super) fn set_ids(uid: u32, gid: u32) -> Result<(), Failure> {
    set_thread_groups(&[]).during(|| "drop supplementary groups".to_owned())?;
    let group = Gid::from_raw(gid);
    set_thread_res_gid(group, group, group).during(|| format!("become group {gid}"))?;
    let user = Uid::from_raw(uid);
    set_thread_res_uid(user, user, user).during(|| format!("become user {uid}"))
}

/// The first line an actor says.
pub(super) fn ready() -> Result<Reply, Failure> {
    let pid_namespace = namespaces::id(Path::new("/proc/self"), namespaces::Kind::Pid)
        .map_err(|error| failure("read the pid namespace", chain(&error)))?;
    Ok(Reply::Ready {
        pid: std::process::id(),
        pid_namespace,
    })
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
