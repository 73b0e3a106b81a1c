//! A cgroup and a network namespace of a test's own.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::builder::ActorBuilder;
use crate::cgroup;
use crate::gate::{self, Shared};
use crate::net::NetNs;

/// A fresh cgroup and a fresh network namespace, both gone when dropped, with
/// every process still in the cgroup.
#[derive(Debug)]
pub struct Sandbox {
    cgroup: PathBuf,
    net: NetNs,
    _gate: Shared,
}

impl Sandbox {
    /// A new one; `name` is for whoever finds it by chance.
    ///
    /// # Panics
    /// If it cannot be made; that needs root and cgroup2.
    #[track_caller]
    pub fn new(name: &str) -> Sandbox {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let gate = gate::shared();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("warren-test-{}-{count}-{name}", std::process::id());
        let cgroup = cgroup::root().join(name);
        if let Err(error) = std::fs::create_dir(&cgroup) {
            panic!("cannot make {}: {error}", cgroup.display());
        }
        Sandbox {
            cgroup,
            net: NetNs::new(),
            _gate: gate,
        }
    }

    /// The directory of its cgroup.
    pub fn cgroup(&self) -> &Path {
        &self.cgroup
    }

    /// Makes a cgroup inside its own, at any depth.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn child_cgroup(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.cgroup.join(name);
        match std::fs::create_dir_all(&path) {
            Ok(()) => path,
            Err(error) => panic!("cannot make {}: {error}", path.display()),
        }
    }

    /// Its network namespace.
    pub fn net(&self) -> &NetNs {
        &self.net
    }

    /// An actor in its cgroup and network namespace.
    pub fn actor(&self) -> ActorBuilder {
        ActorBuilder::new().cgroup(&self.cgroup).join_net(&self.net)
    }

    /// An actor in a cgroup inside its own, and in its network namespace.
    #[track_caller]
    pub fn actor_in(&self, name: impl AsRef<Path>) -> ActorBuilder {
        self.actor().cgroup(self.child_cgroup(name))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let removed = cgroup::remove(&self.cgroup);
        // A second panic would hide the first.
        if let (Err(error), false) = (removed, std::thread::panicking()) {
            panic!("{} was left behind: {error}", self.cgroup.display());
        }
    }
}
