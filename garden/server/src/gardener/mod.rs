//! Containers as clients know them: image, network and processes joined.
//!
//! All of it is synchronous and may take its time; the API calls it on blocking threads.
//!
//! | module | what it does |
//! |---|---|
//! | [`state`] | what is known of a container that no part knows, on disk |
//! | [`container`] | one container in memory: its turns, its users, its grace time |
//! | [`plan`] | what to keep and what to remove after a start; pure |
//! | `recover` | finds everything again, and removes what is half made |
//! | `create`, `destroy` | from nothing to a container and back |
//! | [`image`], `directory` | from what a client calls an image to a root file system |
//! | `network` | Garden's rules and mappings in the words of `container/network` |
//! | `nested` | where a server inside a container keeps its images |
//! | `pool` | which addresses containers get where nobody says |
//! | `info`, `metrics`, `capacity` | what is told |
//! | `properties` | keys and values, and the ones the server sets |
//! | `process`, `files` | processes, and archives in and out |
//! | `peas` | processes with a root file system of their own |
//! | `throttle` | who uses more CPU than he is entitled to |
//! | [`groups`] | the control group that containers are below |
//! | [`error`] | causes in one line, with the type that clients branch on |
//!
//! # A container's parts
//!
//! ```text
//! create    record ─► image ─► files ─► shim, init waiting ─► network ─► init executed ─► ready
//! destroy   shim ─► network ─► image ─► files and record; all are attempted, the last only if
//!           the others went well, so that it can be repeated
//! ```

mod capacity;
pub mod container;
mod create;
mod destroy;
mod directory;
pub mod error;
mod files;
pub mod groups;
pub mod image;
mod info;
mod metrics;
mod nested;
mod netlog;
mod network;
mod peas;
pub mod plan;
mod pool;
mod process;
mod properties;
mod recover;
pub mod state;
mod throttle;
mod unique;
mod unkept;
mod whereabouts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::Notify;
use warren_container_network::Network;
use warren_container_rootfs::store::Store;
use warren_container_shim::Depot;
use warren_wire_garden::Error;

use crate::config::Config;
use crate::log::Log;
use container::Container;
use image::Owners;
use state::Records;

pub use container::InUse;
pub use files::{InStream, OutStream};
pub use peas::Watch;

/// All containers of one server.
pub struct Gardener {
    config: Config,
    log: Log,
    store: Store,
    network: Network,
    depot: Depot,
    records: Records,
    groups: groups::Base,
    owners: Owners,
    nested: nested::Nested,
    watches: peas::Watches,
    seen: throttle::Seen,
    containers: RwLock<BTreeMap<String, Arc<Container>>>,
    /// Told when a grace time may run out sooner than was thought.
    grace: Arc<Notify>,
    /// Controllers of hierarchies that cannot be reached any more, which was told.
    missing: Mutex<BTreeSet<String>>,
}

impl Gardener {
    fn all(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Container>>> {
        self.containers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn all_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Arc<Container>>> {
        self.containers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The container of that handle, once it is ready.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`].
    pub fn container(&self, handle: &str) -> Result<Arc<Container>, Error> {
        let found = self.all().get(handle).cloned();
        found
            .filter(|container| container.is_ready())
            .ok_or_else(|| Error::ContainerNotFound {
                handle: handle.to_owned(),
            })
    }

    /// Whether it is the one of its handle, and not one that is gone.
    fn has(&self, container: &Arc<Container>) -> bool {
        let known = self.all().get(&container.handle).cloned();
        known.is_some_and(|known| Arc::ptr_eq(&known, container))
    }

    /// Begins to use a container: its grace time stands still until the answer is dropped.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`].
    pub fn enter(&self, handle: &str) -> Result<InUse, Error> {
        Ok(InUse::new(self.container(handle)?, Arc::clone(&self.grace)))
    }

    /// Handles of containers with these properties. Without a word about `garden.state` only
    /// complete ones; `all` shows those that are being made too.
    #[must_use]
    pub fn list(&self, mut filter: BTreeMap<String, String>) -> Vec<String> {
        let state = filter.entry(properties::STATE.to_owned());
        let state = state.or_insert_with(|| properties::CREATED.to_owned());
        let is_complete = state == properties::CREATED;
        if state == "all" {
            filter.remove(properties::STATE);
        }
        let all = self.all();
        // The property alone is not enough: what a start could not remove has it still.
        let fits = |container: &&Arc<Container>| {
            container.has_properties(&filter) && (!is_complete || container.is_ready())
        };
        let found = all.values().filter(fits);
        found.map(|container| container.handle.clone()).collect()
    }

    /// Whether the backend can be used at all.
    ///
    /// # Errors
    /// What keeps it from making containers.
    pub fn ping(&self) -> Result<(), Error> {
        self.store
            .capacity()
            .map(drop)
            .map_err(error::step("ask for room in the image store"))
    }

    /// Told when a grace time may run out sooner than was thought.
    #[must_use]
    pub fn grace(&self) -> &Arc<Notify> {
        &self.grace
    }

    /// Containers whose grace time is over, and when the next one's will be.
    #[must_use]
    pub fn expired(&self) -> (Vec<String>, Option<std::time::Instant>) {
        let now = std::time::Instant::now();
        let mut over = Vec::new();
        let mut next: Option<std::time::Instant> = None;
        for container in self.all().values() {
            match container.expires() {
                Some(when) if when <= now => over.push(container.handle.clone()),
                Some(when) => next = Some(next.map_or(when, |other| other.min(when))),
                None => {}
            }
        }
        (over, next)
    }

    /// Leaves nothing of containers that are gone, and nothing at all where there is no container: for
    /// the end of a server.
    pub fn leave(&self) {
        self.network.settle();
        self.store.settle();
        if !self.all().is_empty() {
            return;
        }
        if let Err(error) = self.groups.remove() {
            let text = error.to_string();
            self.log
                .error("control group left behind", &[("error", &text)]);
        }
    }

    /// How root file systems are made here.
    #[must_use]
    pub fn driver(&self) -> String {
        format!("{:?}", self.store.report().chosen)
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }
}
