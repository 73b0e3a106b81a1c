//! All containers' networks of one server: state, plan and kernel joined.
//!
//! Calls may come from any thread; they take turns, as the kernel would make them anyway. The
//! value belongs to the network namespace in which its executor was opened.

mod idle;
mod inner;
mod leaving;

pub use leaving::Report;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::apply::Execute;
use crate::error::Error;
use crate::link::Traffic;
use crate::netout::NetOutRule;
use crate::plan::Names;
use crate::port::{PortPool, Transport};
use crate::record::{Mapping, Phase, Record};
use crate::settings::Settings;
use crate::state::Store;
use crate::subnet::{Request, SubnetPool};

/// A port mapping to make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MappingRequest {
    /// TCP or UDP.
    pub transport: Transport,
    /// On the host; 0 takes one from the pool.
    pub host_port: u16,
    /// In the container; 0 is the same as on the host.
    pub container_port: u16,
}

/// The network a new container is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spec {
    /// Empty, `a.b.c.d` or `a.b.c.d/n`; see [`Request::parse`].
    pub network: String,
    /// Its mapped ports.
    pub net_in: Vec<MappingRequest>,
    /// What it may reach.
    pub net_out: Vec<NetOutRule>,
}

/// What was found when the state was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Containers whose networks are complete.
    pub kept: Vec<String>,
    /// Containers whose networks were half made or half removed; all of it is removed now.
    pub removed: Vec<String>,
    /// Those that could not be removed, with the reason; destroying them tries again. Bridges that
    /// were set aside are among them by their names; the next start tries again.
    pub failed: Vec<(String, Error)>,
}

/// All containers' networks.
pub struct Network {
    shared: Arc<Shared>,
    remover: Option<leaving::Remover>,
}

struct Shared {
    settings: Settings,
    inner: Mutex<Inner>,
    /// Something in [`Inner::leaving`] has gone, or has come.
    changed: Condvar,
}

struct Inner {
    executor: Box<dyn Execute>,
    store: Store,
    subnets: SubnetPool,
    ports: PortPool,
    records: BTreeMap<String, Record>,
    leaving: leaving::Leaving,
}

impl Network {
    /// Opens the state, removes what is half made or half removed, and loads the rules of all
    /// others in one transaction, in place of whatever table has their name.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Rules`].
    pub fn open(
        settings: Settings,
        directory: &Path,
        executor: Box<dyn Execute>,
    ) -> Result<(Self, Recovered), Error> {
        let store = Store::open(directory).map_err(Error::Open)?;
        let records = store.load().map_err(Error::Open)?;
        let mut subnets = SubnetPool::new(settings.pool);
        let mut ports = PortPool::new(settings.ports, store.next_port());
        for record in records.values() {
            subnets.adopt(record.lease);
            for mapping in &record.mappings {
                ports.take(mapping.transport, mapping.host_port)?;
            }
        }
        let inner = Inner {
            executor,
            store,
            subnets,
            ports,
            records,
            leaving: leaving::Leaving::default(),
        };
        let network = Self {
            shared: Arc::new(Shared {
                settings,
                inner: Mutex::new(inner),
                changed: Condvar::new(),
            }),
            remover: None,
        };
        let mut recovered = Recovered::default();
        let mut inner = network.lock();
        let all: Vec<(String, Phase)> = inner
            .records
            .values()
            .map(|record| (record.handle.clone(), record.phase))
            .collect();
        for (handle, phase) in all {
            if phase == Phase::Ready {
                recovered.kept.push(handle);
            } else {
                match inner.remove(network.settings(), &handle) {
                    Ok(()) => recovered.removed.push(handle),
                    Err(error) => recovered.failed.push((handle, error)),
                }
            }
        }
        recovered
            .failed
            .extend(inner.remove_asides(network.settings()));
        inner.load_rules(network.settings())?;
        drop(inner);
        Ok((network, recovered))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// How many containers can have a subnet of their own.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.lock().subnets.capacity()
    }

    /// Gives a container its network; `container` is its network namespace. Repeated for a
    /// container that has the network asked for, it mends what is missing, and leaves ports and
    /// outbound rules as they are.
    ///
    /// # Errors
    /// Any of [`Error`]; nothing is left behind then but for [`Error::HalfMade`].
    pub fn create(
        &self,
        handle: &str,
        spec: &Spec,
        container: BorrowedFd<'_>,
    ) -> Result<Record, Error> {
        let request = Request::parse(&spec.network)?;
        self.check_rules(&spec.net_out)?;
        let id = crate::settings::id(handle);
        let mut inner = self.lock();
        loop {
            if inner.leaving.idle.is_in_the_way(request) {
                inner.leaving.idle.hurry();
                self.shared.changed.notify_all();
            } else if !inner.leaving.concerns(&inner.records, &id, request) {
                break;
            }
            inner = self.wait(inner);
        }
        inner.leaving.idle.touch(Instant::now());
        let is_new = match inner.records.get(&id) {
            None => true,
            Some(other) if other.handle != handle => {
                return Err(Error::SameId {
                    handle: handle.to_owned(),
                    other: other.handle.clone(),
                    id,
                });
            }
            Some(found) if found.phase == Phase::Ready && found.request == spec.network => false,
            Some(found) if found.phase == Phase::Ready => {
                return Err(Error::Exists {
                    handle: handle.to_owned(),
                    request: found.request.clone(),
                });
            }
            Some(_) => {
                inner.remove(self.settings(), handle)?;
                true
            }
        };
        if is_new {
            let mut reserved = inner.reserve(self.settings(), handle, spec, request);
            // What is missing may be held by a container that is on its way out.
            while let Err(Error::Subnet(_) | Error::Port(_)) = reserved
                && !inner.leaving.is_empty()
            {
                inner = self.wait(inner);
                reserved = inner.reserve(self.settings(), handle, spec, request);
            }
            reserved?;
        }
        match inner.build(self.settings(), handle, container) {
            Ok(record) => Ok(record),
            Err(error) if !is_new => Err(error),
            Err(error) => match inner.remove(self.settings(), handle) {
                Ok(()) => Err(error),
                Err(removal) => Err(Error::HalfMade {
                    handle: handle.to_owned(),
                    source: Box::new(error),
                    removal: Box::new(removal),
                }),
            },
        }
    }

    /// Removes a container's network; whether it had one. Needs no network namespace: the
    /// container may be gone. After an error it can be repeated.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::Foreign`], [`Error::Observe`] or [`Error::Step`].
    pub fn destroy(&self, handle: &str) -> Result<bool, Error> {
        let mut inner = self.lock();
        while inner.leaving.has(&crate::settings::id(handle)) {
            inner = self.wait(inner);
        }
        if inner.find(handle).is_err() {
            return Ok(false);
        }
        inner.remove(self.settings(), handle).map(|()| true)
    }

    /// The same, but what takes the kernel long, the end of its links, is left to a thread that
    /// [`Network::remove_in_background`] has started, and may be under way when this returns.
    /// [`Network::create`] waits where a new container needs what such a one still has. A removal
    /// that fails in the background leaves the record: [`Network::get`] finds it, and destroying
    /// the container again tries again and tells why.
    ///
    /// # Errors
    /// [`Error::State`]; without that thread, those of [`Network::destroy`].
    pub fn destroy_soon(&self, handle: &str) -> Result<bool, Error> {
        let Some(remover) = &self.remover else {
            return self.destroy(handle);
        };
        let mut inner = self.lock();
        if inner.find(handle).is_err() {
            return Ok(false);
        }
        let id = crate::settings::id(handle);
        if !inner.leaving.has(&id) {
            inner.mark_removing(handle)?;
            inner.leaving.add(id);
            inner.leaving.idle.touch(Instant::now());
            remover.wake();
        }
        Ok(true)
    }

    /// Starts the thread for [`Network::destroy_soon`]; `executor` is opened in the same network
    /// namespace as the other. What could not be removed is reported, and tried again with the next
    /// one that leaves, or at the next start. Dropping the value waits until what was begun is done.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn remove_in_background(
        &mut self,
        executor: Box<dyn Execute>,
        report: Report,
    ) -> std::io::Result<()> {
        self.remover = Some(leaving::Remover::start(&self.shared, executor, report)?);
        Ok(())
    }

    /// Waits until everything given to [`Network::destroy_soon`] is gone, or has failed; bridges,
    /// which else stay for a moment in case they are wanted again, go now.
    pub fn settle(&self) {
        let mut inner = self.lock();
        while !inner.leaving.is_settled() {
            inner.leaving.idle.hurry();
            self.shared.changed.notify_all();
            inner = self.wait(inner);
        }
    }

    /// Maps a host port to a container's. A mapping the container has already is no error.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::NoExternal`], [`Error::Port`], and the kernel's; the
    /// mapping does not exist then.
    pub fn net_in(&self, handle: &str, request: MappingRequest) -> Result<Mapping, Error> {
        let mut inner = self.lock();
        let same = |m: &&Mapping| {
            m.transport == request.transport
                && m.host_port == request.host_port
                && (m.container_port == request.container_port || request.container_port == 0)
        };
        let (before, mapping) = loop {
            let before = inner.find(handle)?.clone();
            if let Some(mapping) = before.mappings.iter().find(same) {
                return Ok(*mapping);
            }
            match inner.map(self.settings(), request) {
                // The port may be that of a container on its way out.
                Err(Error::Port(_)) if !inner.leaving.is_empty() => inner = self.wait(inner),
                mapping => break (before, mapping?),
            }
        };
        let mut after = before.clone();
        after.mappings.push(mapping);
        match inner.update(self.settings(), &before, after) {
            Ok(()) => Ok(mapping),
            Err(error) => {
                inner.ports.release(mapping.transport, mapping.host_port);
                Err(error)
            }
        }
    }

    /// Lets a container reach more. Rules it has already are not added again.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::NetOut`], and the kernel's; none of the rules holds then.
    pub fn net_out(&self, handle: &str, rules: &[NetOutRule]) -> Result<(), Error> {
        self.check_rules(rules)?;
        let mut inner = self.lock();
        let before = inner.find(handle)?.clone();
        let mut after = before.clone();
        for rule in rules {
            if !after.net_out.contains(rule) {
                after.net_out.push(rule.clone());
            }
        }
        if after == before {
            return Ok(());
        }
        inner.update(self.settings(), &before, after)
    }

    /// A container's network.
    #[must_use]
    pub fn get(&self, handle: &str) -> Option<Record> {
        self.lock().find(handle).ok().cloned()
    }

    /// All containers' networks.
    #[must_use]
    pub fn list(&self) -> Vec<Record> {
        self.lock().records.values().cloned().collect()
    }

    /// What went through a container's link, as the container sees it.
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Observe`]; no traffic if the link is gone.
    pub fn traffic(&self, handle: &str) -> Result<Traffic, Error> {
        let mut inner = self.lock();
        let names = Names::of(self.settings(), inner.find(handle)?);
        let link = inner.executor.link(&names.host_end);
        let link = link.map_err(|source| Error::Observe {
            handle: handle.to_owned(),
            source: Box::new(source),
        })?;
        let host = link.map(|link| link.traffic).unwrap_or_default();
        Ok(Traffic {
            received: host.sent,
            sent: host.received,
        })
    }

    /// Loads the rules of all containers anew, in one transaction: mends whatever others did to
    /// the table.
    ///
    /// # Errors
    /// [`Error::Rules`]; the table is as it was then.
    pub fn reload_rules(&self) -> Result<(), Error> {
        self.lock().load_rules(self.settings())
    }

    fn check_rules(&self, rules: &[NetOutRule]) -> Result<(), Error> {
        rules.iter().try_for_each(|rule| Ok(rule.check()?))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock()
    }

    fn wait<'a>(&'a self, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
        let changed = self.shared.changed.wait(inner);
        changed.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic half-way is like a crash half-way: the record says what is to be removed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
