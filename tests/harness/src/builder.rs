//! Saying how an actor is to be.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::thread::CapabilitySet;

use crate::actor::Actor;
use crate::gate;
use crate::net::NetNs;
use crate::programs;
use crate::protocol::{MountStep, Ns, Spec};

/// Where containers expect the cgroup file systems.
const CGROUP_MOUNT: &str = "/sys/fs/cgroup";

/// How an actor is to be. Steps happen in the order of [`Spec`], whatever the
/// order of the calls; mount changes among themselves in the order of the calls.
#[derive(Debug, Clone, Default)]
pub struct ActorBuilder {
    spec: Spec,
}

impl ActorBuilder {
    /// Like the process that starts it, in everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// In its own net, mount, pid and cgroup namespaces.
    pub fn contained() -> Self {
        Self::new().unshare(&[Ns::Net, Ns::Mount, Ns::Pid, Ns::Cgroup])
    }

    /// In this cgroup, given by its directory as its parent sees it.
    pub fn cgroup(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spec.cgroup = Some(directory.into());
        self
    }

    /// In new namespaces. A new pid namespace needs a new mount namespace too,
    /// for its `/proc`. The loopback link of a new network namespace is up.
    pub fn unshare(mut self, kinds: &[Ns]) -> Self {
        self.spec.unshare.extend_from_slice(kinds);
        self
    }

    /// In the namespace that a link such as `/proc/PID/ns/net` leads to.
    pub fn join(mut self, ns: Ns, link: impl Into<PathBuf>) -> Self {
        self.spec.join.push((ns, link.into()));
        self
    }

    /// In this network namespace.
    pub fn join_net(self, net: &NetNs) -> Self {
        self.join(Ns::Net, net.path())
    }

    /// In a namespace of another actor on this machine.
    pub fn join_actor(self, ns: Ns, other: &Actor) -> Self {
        self.join(
            ns,
            format!("/proc/{}/ns/{}", other.host_pid(), ns.kind().link()),
        )
    }

    /// With this change to its mounts; it must have its own mount namespace.
    pub fn mount(mut self, step: MountStep) -> Self {
        self.spec.mounts.push(step);
        self
    }

    /// With no cgroup file system mounted at all.
    pub fn without_cgroup_mounts(self) -> Self {
        self.mount(MountStep::DetachBelow(CGROUP_MOUNT.into()))
            .mount(MountStep::DetachTypes(vec![
                "cgroup".into(),
                "cgroup2".into(),
            ]))
    }

    /// With its own view of cgroup2 at `/sys/fs/cgroup`, as in a container on a
    /// host with nothing but cgroup2.
    pub fn fresh_cgroup2(self) -> Self {
        self.without_cgroup_mounts().mount(MountStep::Mount {
            kind: "cgroup2".into(),
            target: CGROUP_MOUNT.into(),
        })
    }

    /// With its own view of cgroup2 at `/sys/fs/cgroup/unified` among nothing else.
    pub fn fresh_cgroup2_unified(self) -> Self {
        let unified = Path::new(CGROUP_MOUNT).join("unified");
        self.without_cgroup_mounts()
            .mount(MountStep::Mount {
                kind: "tmpfs".into(),
                target: CGROUP_MOUNT.into(),
            })
            .mount(MountStep::Mount {
                kind: "cgroup2".into(),
                target: unified,
            })
    }

    /// With the cgroup v1 mounts of its parent, if any, and no cgroup2.
    pub fn only_cgroup_v1(self) -> Self {
        self.mount(MountStep::DetachTypes(vec!["cgroup2".into()]))
    }

    /// With the mount at this path made read-only.
    pub fn read_only(self, path: impl Into<PathBuf>) -> Self {
        self.mount(MountStep::ReadOnly(path.into()))
    }

    /// With the tree at `source` bound to `target` as well.
    pub fn bind(self, source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.mount(MountStep::Bind {
            source: source.into(),
            target: target.into(),
        })
    }

    /// Without these capabilities, in all sets, for good.
    pub fn drop_capabilities(mut self, lost: CapabilitySet) -> Self {
        self.spec.drop_capabilities |= lost.bits();
        self
    }

    /// As this user and group, without supplementary groups.
    pub fn ids(mut self, uid: u32, gid: u32) -> Self {
        self.spec.ids = Some((uid, gid));
        self
    }

    /// Starts it as a child of the test.
    ///
    /// # Panics
    /// If it cannot become so, with the step that failed.
    #[track_caller]
    pub fn spawn(self) -> Actor {
        self.check();
        programs::usual_umask();
        let spec = match serde_json::to_string(&self.spec) {
            Ok(spec) => spec,
            Err(error) => panic!("cannot write the specification: {error}"),
        };
        let gate = gate::shared();
        let child = Command::new(programs::actor())
            .args(["serve", &spec])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => Actor::on_this_machine(child, gate),
            Err(error) => panic!("cannot start an actor: {error}"),
        }
    }

    /// Starts it inside another actor, in whose place it begins.
    ///
    /// # Panics
    /// As [`ActorBuilder::spawn`].
    #[track_caller]
    pub fn spawn_in(self, parent: &Actor) -> Actor {
        self.check();
        parent.spawn_inside(self.spec)
    }

    #[track_caller]
    fn check(&self) {
        let has = |ns| self.spec.unshare.contains(&ns);
        assert!(
            !has(Ns::Pid) || has(Ns::Mount),
            "a new pid namespace needs new mounts"
        );
        let joins_mount = self.spec.join.iter().any(|(ns, _)| *ns == Ns::Mount);
        assert!(
            self.spec.mounts.is_empty() || has(Ns::Mount) && !joins_mount,
            "changes to mounts need a new mount namespace, or they would reach others"
        );
    }
}
