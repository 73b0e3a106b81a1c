//! The work behind the lock: reserve, build, update, remove; each writes down first.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;

use super::{Inner, MappingRequest, Spec};
use crate::apply;
use crate::error::Error;
use crate::plan::{self, Names, Observed, Others, Step};
use crate::record::{Mapping, Phase, Record};
use crate::ruleset::Ruleset;
use crate::settings::Settings;
use crate::subnet::Request;

impl Inner {
    pub(super) fn find(&self, handle: &str) -> Result<&Record, Error> {
        let found = self.records.get(&crate::settings::id(handle));
        found
            .filter(|record| record.handle == handle)
            .ok_or_else(|| Error::Unknown {
                handle: handle.to_owned(),
            })
    }

    /// Writes a record down and keeps it, or does neither.
    fn keep(&mut self, record: Record) -> Result<(), Error> {
        self.store.save(&record).map_err(|source| Error::State {
            handle: record.handle.clone(),
            source,
        })?;
        self.records.insert(record.id(), record);
        Ok(())
    }

    /// Takes address and ports and writes down that they are this container's.
    pub(super) fn reserve(
        &mut self,
        settings: &Settings,
        handle: &str,
        spec: &Spec,
        request: Request,
    ) -> Result<(), Error> {
        let lease = self.subnets.acquire(request)?;
        let mut record = Record {
            handle: handle.to_owned(),
            phase: Phase::Creating,
            request: spec.network.clone(),
            lease,
            ipv6: settings.ipv6,
            mtu: settings.mtu,
            mappings: Vec::new(),
            net_out: spec.net_out.clone(),
        };
        let mapped = spec.net_in.iter().try_for_each(|wanted| {
            record.mappings.push(self.map(settings, *wanted)?);
            Ok(())
        });
        let kept = mapped.and_then(|()| self.keep(record.clone()));
        match kept {
            Ok(()) => self.leaving.idle.take(record.lease.subnet),
            Err(_) => self.give_back(&record),
        }
        kept
    }

    pub(super) fn map(
        &mut self,
        settings: &Settings,
        request: MappingRequest,
    ) -> Result<Mapping, Error> {
        if settings.external.is_empty() {
            return Err(Error::NoExternal);
        }
        let transport = request.transport;
        let host_port = match request.host_port {
            0 => {
                let port = self.ports.acquire(transport)?;
                if let Err(source) = self.store.set_next_port(port.wrapping_add(1)) {
                    self.ports.release(transport, port);
                    return Err(Error::Open(source));
                }
                port
            }
            named => {
                self.ports.take(transport, named)?;
                named
            }
        };
        let container_port = match request.container_port {
            0 => host_port,
            named => named,
        };
        Ok(Mapping {
            transport,
            host_port,
            container_port,
        })
    }

    fn give_back(&mut self, record: &Record) {
        self.subnets.release(record.lease);
        for mapping in &record.mappings {
            self.ports.release(mapping.transport, mapping.host_port);
        }
    }

    pub(super) fn build(
        &mut self,
        settings: &Settings,
        handle: &str,
        container: BorrowedFd<'_>,
    ) -> Result<Record, Error> {
        let mut record = self.find(handle)?.clone();
        let steps = {
            let observed = self.observe(settings, &record, Some(container))?;
            plan::set_up(settings, &record, &observed)?
        };
        self.apply(handle, &steps, Some(container))?;
        if record.phase != Phase::Ready {
            record.phase = Phase::Ready;
            self.keep(record.clone())?;
        }
        Ok(record)
    }

    /// What there is of a container's links.
    pub(super) fn observe(
        &mut self,
        settings: &Settings,
        record: &Record,
        container: Option<BorrowedFd<'_>>,
    ) -> Result<Observed, Error> {
        let observed = self
            .executor
            .observe(&Names::of(settings, record), container);
        observed.map_err(|source| Error::Observe {
            handle: record.handle.clone(),
            source: Box::new(source),
        })
    }

    pub(super) fn apply(
        &mut self,
        handle: &str,
        steps: &[Step],
        container: Option<BorrowedFd<'_>>,
    ) -> Result<(), Error> {
        apply::apply(self.executor.as_mut(), steps, container).map_err(|source| Error::Step {
            handle: handle.to_owned(),
            source: Box::new(source),
        })
    }

    /// Puts `after` in the place of `before`, on disk and in the kernel.
    pub(super) fn update(
        &mut self,
        settings: &Settings,
        before: &Record,
        after: Record,
    ) -> Result<(), Error> {
        let handle = before.handle.clone();
        let ruleset = Ruleset::new(settings);
        let mut batch = ruleset.base();
        batch.append(ruleset.container(&after));
        self.keep(after)?;
        let applied = self.apply(&handle, &[Step::Rules(batch)], None);
        if applied.is_err() {
            self.keep(before.clone())?;
        }
        applied
    }

    /// Removes all of a container: it has a record.
    pub(super) fn remove(&mut self, settings: &Settings, handle: &str) -> Result<(), Error> {
        let record = self.mark_removing(handle)?;
        let others = self.others(&record);
        let observed = self.observe(settings, &record, None)?;
        let steps = plan::tear_down(settings, &record, &observed, others)?;
        self.apply(handle, &steps, None)?;
        self.forget(&record)
    }

    /// Writes down that a container's network is to go: from here on it is not kept, whatever
    /// happens.
    pub(super) fn mark_removing(&mut self, handle: &str) -> Result<Record, Error> {
        let mut record = self.find(handle)?.clone();
        if record.phase != Phase::Removing {
            record.phase = Phase::Removing;
            self.keep(record.clone())?;
        }
        Ok(record)
    }

    pub(super) fn others(&self, record: &Record) -> Others {
        let id = record.id();
        let mut rest = self.records.iter().filter(|(other, _)| **other != id);
        if rest.any(|(_, other)| other.lease.subnet == record.lease.subnet) {
            Others::InSubnet
        } else if self.records.len() > 1 {
            Others::Elsewhere
        } else {
            Others::None
        }
    }

    /// The kernel has nothing of it any more.
    pub(super) fn forget(&mut self, record: &Record) -> Result<(), Error> {
        let id = record.id();
        self.store.remove(&id).map_err(|source| Error::State {
            handle: record.handle.clone(),
            source,
        })?;
        self.records.remove(&id);
        self.give_back(record);
        Ok(())
    }

    /// Removes the bridges that an earlier server of ours set aside; those that could not be, with
    /// the reason.
    pub(super) fn remove_asides(&mut self, settings: &Settings) -> Vec<(String, Error)> {
        let used: BTreeSet<String> = self
            .records
            .values()
            .map(|record| Names::of(settings, record).bridge)
            .collect();
        let aside = match self.executor.aside() {
            Ok(aside) => aside,
            Err(source) => {
                let handle = "(bridges without containers)".to_owned();
                let source = Box::new(source);
                let error = Error::Observe {
                    handle: handle.clone(),
                    source,
                };
                return vec![(handle, error)];
            }
        };
        let ours = aside.into_iter().filter(|bridge| {
            // Another server may have set its own aside.
            settings.tag.is_bridge(bridge) && !used.contains(bridge)
        });
        let mut failed = Vec::new();
        for bridge in ours {
            if let Err(error) = self.apply(&bridge, &[Step::Delete(bridge.clone())], None) {
                failed.push((bridge, error));
            }
        }
        failed
    }

    pub(super) fn load_rules(&mut self, settings: &Settings) -> Result<(), Error> {
        let batch = Ruleset::new(settings).whole(self.records.values());
        self.executor
            .execute(&Step::Rules(batch), None)
            .map_err(|source| Error::Rules(Box::new(source)))
    }
}
