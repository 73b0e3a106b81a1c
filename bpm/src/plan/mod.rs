//! The rules that turn a process's configuration into a bundle and what has to be there for it. All
//! of them are pure.
//!
//! | rule | usual | `privileged` | direct |
//! |---|---|---|---|
//! | [`mounts`] | see there | no `nosuid` | none |
//! | [`environment`] | the process's own and four more | the same | the same, with the host's paths |
//! | [`capabilities`] | those asked for | 0 to 37, of those that we have | those asked for |
//! | [`seccomp`] | a list of what is allowed | none | none |
//! | [`limits`] | those asked for | the same | the same |
//! | [`directories`] | the same | the same | the same |
//! | namespaces | ipc, mount, uts, pid | the same | none |
//! | user | `vcap` | root | `vcap` |
//!
//! No process has a network, user or cgroup namespace of its own.

pub mod capabilities;
pub mod directories;
pub mod environment;
pub mod limits;
pub mod mounts;
pub mod seccomp;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use warren_container_runtime::oci::{
    DeviceNode, Linux, Namespace, Process as OciProcess, Root as OciRoot, Spec, User as OciUser,
    VERSION,
};
use warren_container_runtime::spec::Resource;
use warren_wire_bpm::quantity::NoQuantity;
use warren_wire_bpm::{Process, Volume};

use crate::host::{Host, User};
use crate::init;
use crate::root::{Name, Root};
use crate::settings::Isolation;

/// Where the first process's program is in a container.
const INIT: &str = "/.warren/bpm-init";

/// What is wanted, and what is known.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where everything is.
    pub root: &'a Root,
    /// Which process.
    pub name: &'a Name,
    /// Its configuration.
    pub process: &'a Process,
    /// Its unrestricted volumes, with the paths that their patterns have matched.
    pub unrestricted: &'a [Volume],
    /// The user `vcap`.
    pub user: User,
    /// Facts.
    pub host: &'a Host,
    /// How it is kept apart.
    pub isolation: Isolation,
    /// Our own program.
    pub program: &'a Path,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The container.
    pub bundle: Spec,
    /// Directories of the process's user, to be made or handed over, in order.
    pub directories: Vec<PathBuf>,
    /// Of these, those whose mounts all that have the directory are to see.
    pub shared: Vec<PathBuf>,
    /// Limits of the process, soft and hard alike.
    pub rlimits: BTreeMap<Resource, u64>,
    /// The process's environment, for its hook too.
    pub environment: BTreeMap<String, String>,
    /// What was asked for and cannot be had.
    pub remarks: Vec<String>,
}

/// Makes the plan.
///
/// # Errors
/// The limit of memory is no quantity.
pub fn plan(wanted: &Wanted<'_>) -> Result<Plan, NoQuantity> {
    let process = wanted.process;
    let direct = wanted.isolation == Isolation::Direct;
    let privileged = process.unsafe_options.privileged;
    let confined = !privileged && !direct;
    let (rlimits, mut remarks) = limits::rlimits(&process.limits, wanted.host);
    remarks.extend(capabilities::missing(process, wanted.host));
    let environment = environment::of(wanted);
    let (directories, shared) = directories::of(wanted);
    let user = if privileged {
        User { uid: 0, gid: 0 }
    } else {
        wanted.user
    };
    let bundle = Spec {
        version: VERSION.to_owned(),
        root: OciRoot {
            path: match direct {
                true => "/".into(),
                false => wanted.root.bundle(wanted.name).join("rootfs"),
            },
            readonly: false,
        },
        process: OciProcess {
            user: OciUser {
                uid: user.uid,
                gid: user.gid,
                additional_gids: Vec::new(),
            },
            args: arguments(wanted),
            env: environment
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect(),
            cwd: working_directory(wanted).display().to_string(),
            capabilities: Some(capabilities::of(process, wanted.host)),
            no_new_privileges: !privileged,
            ..OciProcess::default()
        },
        hostname: wanted.host.hostname.clone(),
        mounts: match direct {
            true => Vec::new(),
            false => mounts::list(wanted),
        },
        linux: Linux {
            resources: limits::resources(&process.limits)?,
            cgroups_path: wanted.name.container(),
            namespaces: namespaces(wanted),
            devices: match direct {
                true => Vec::new(),
                false => devices(wanted.host),
            },
            seccomp: (confined && !wanted.host.rosetta).then(seccomp::filter),
            rootfs_propagation: (!direct).then(|| "private".to_owned()),
            masked_paths: only_if(confined, &mounts::MASKED),
            readonly_paths: only_if(confined, &mounts::READ_ONLY),
            ..Linux::default()
        },
    };
    Ok(Plan {
        bundle,
        directories,
        shared,
        rlimits,
        environment,
        remarks,
    })
}

fn arguments(wanted: &Wanted<'_>) -> Vec<String> {
    let process = wanted.process;
    let (first, program) = match wanted.isolation {
        Isolation::Container => (vec![INIT.to_owned()], process.executable.clone()),
        // The path need not be one that the process's user may go.
        Isolation::Direct => (
            vec!["/proc/self/exe".to_owned(), init::NAME.to_owned()],
            on_host(wanted, &process.executable),
        ),
    };
    let mut all = first;
    all.extend(["--".to_owned(), program]);
    all.extend(process.args.iter().cloned());
    all
}

fn working_directory(wanted: &Wanted<'_>) -> PathBuf {
    let inside = match wanted.process.workdir.as_str() {
        "" => format!("/var/vcap/jobs/{}", wanted.name.job()),
        given => given.to_owned(),
    };
    match wanted.isolation {
        Isolation::Container => inside.into(),
        Isolation::Direct => on_host(wanted, &inside).into(),
    }
}

fn on_host(wanted: &Wanted<'_>, inside: &str) -> String {
    wanted.root.on_host(Path::new(inside)).display().to_string()
}

fn namespaces(wanted: &Wanted<'_>) -> Vec<Namespace> {
    if wanted.isolation == Isolation::Direct {
        return Vec::new();
    }
    let mut kinds = vec!["ipc", "mount", "uts"];
    if !wanted.process.unsafe_options.host_pid_namespace {
        kinds.push("pid");
    }
    let namespace = |kind: &str| Namespace {
        kind: kind.to_owned(),
        path: None,
    };
    kinds.into_iter().map(namespace).collect()
}

fn devices(host: &Host) -> Vec<DeviceNode> {
    let node = |(name, major, minor): &(String, u32, u32)| DeviceNode {
        path: Path::new("/dev").join(name),
        kind: "c".to_owned(),
        major: *major,
        minor: *minor,
        file_mode: 0o666,
        uid: 0,
        gid: 0,
    };
    host.devices.iter().map(node).collect()
}

fn only_if(wanted: bool, paths: &[&str]) -> Vec<String> {
    let paths = paths.iter().filter(|_| wanted);
    paths.map(|path| (*path).to_owned()).collect()
}
