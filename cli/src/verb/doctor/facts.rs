//! What several checks ask for: found out once, when first asked.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use warren_container_runtime::host::Host;
use warren_firewall::level::{self, Level};
use warren_lib_errchain::chain;
use warren_sys_cgroup::{Identity, Layout, Located, Namespace, Process, ProcessCgroups, locate};
use warren_sys_nft::Nft;
use warren_sys_process::capabilities::{self, CapabilitySet};

use super::checks::{container_network, nft, store};

type Cell<T> = OnceCell<Result<T, String>>;

/// The answers so far; a failure is kept in words.
#[derive(Default)]
pub struct Facts {
    effective: Cell<CapabilitySet>,
    layout: Cell<Layout>,
    groups: Cell<ProcessCgroups>,
    namespace: Cell<Namespace>,
    identity: Cell<Identity>,
    own: Cell<Located>,
    level: Cell<Level>,
    nft: OnceCell<nft::Probe>,
    stores: OnceCell<Vec<store::Store>>,
    host: Cell<Host>,
    network: OnceCell<container_network::Probe>,
    store: PathBuf,
}

fn ask<T, E: std::error::Error>(
    cell: &Cell<T>,
    question: impl FnOnce() -> Result<T, E>,
) -> Result<&T, String> {
    cell.get_or_init(|| question().map_err(|error| chain(&error)))
        .as_ref()
        .map_err(Clone::clone)
}

impl Facts {
    /// Nothing yet; with the directory of images that is asked about.
    pub fn new(store: PathBuf) -> Self {
        Self {
            store,
            ..Self::default()
        }
    }

    /// The directory that images would be kept in.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// What the engine asks the machine before it plans a container.
    pub fn host(&self) -> Result<&Host, String> {
        ask(&self.host, Host::discover)
    }

    /// A container's network, tried.
    pub fn network(&self) -> &container_network::Probe {
        self.network.get_or_init(container_network::probe)
    }

    /// Capabilities in force.
    pub fn effective(&self) -> Result<CapabilitySet, String> {
        ask(&self.effective, capabilities::effective).copied()
    }

    /// cgroup mounts.
    pub fn layout(&self) -> Result<&Layout, String> {
        ask(&self.layout, Layout::discover)
    }

    /// Our lines of `/proc/self/cgroup`.
    pub fn groups(&self) -> Result<&ProcessCgroups, String> {
        ask(&self.groups, || ProcessCgroups::of_self(Path::new("/proc")))
    }

    /// Our cgroup namespace.
    pub fn namespace(&self) -> Result<&Namespace, String> {
        ask(&self.namespace, Namespace::own)
    }

    /// Our cgroup v2 id.
    pub fn identity(&self) -> Result<&Identity, String> {
        ask(&self.identity, Identity::own_by_every_way)
    }

    /// Our cgroup v2 directory.
    pub fn own_group(&self) -> Result<&Located, String> {
        let known = self.identity().ok().map(|identity| identity.id);
        ask(&self.own, || locate::locate(Process::Myself, known))
    }

    /// The level at which `socket cgroupv2` sees us.
    pub fn level(&self) -> Result<Level, String> {
        let id = self.identity()?.id.0;
        ask(&self.level, || {
            let mut nft = Nft::open().map_err(level::Error::Load)?;
            level::measure(&mut nft, id, None)
        })
        .copied()
    }

    /// Which rules nftables takes.
    pub fn nft(&self) -> &nft::Probe {
        self.nft.get_or_init(nft::probe)
    }

    /// The places for stores, each tried.
    pub fn stores(&self) -> &[store::Store] {
        self.stores.get_or_init(store::probe)
    }
}
