//! Containers whose networks are on their way out.
//!
//! Deleting a link makes the kernel wait until no processor can still be using it, some tens of
//! milliseconds, in which the caller has nothing to learn. So the record is marked first (from
//! there on a crash ends in removal too), and a thread does the rest for all that came together:
//!
//! ```text
//! destroy_soon:  record Removing ─► leaving ─► answer
//! remover:       all of leaving ─► veth pairs, in one go, without the lock
//!                               ─► rules, record, address and ports, with the lock ─► gone
//!                               ─► the bridge, if nobody stays on it: set aside, see `idle`
//!                                         ─► with the last bridge, the table
//! ```
//!
//! The kernel tracks connections only for who has rules that ask for it. To begin and to end that, it
//! writes its own code anew and goes over all connections that there are, so one container after the
//! other should not have it do both each time.
//!
//! Whoever needs what a leaving container still has, waits: its handle, its subnet, its ports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::idle::{Due, Idle};
use super::{Inner, Shared};
use crate::address::Subnet;
use crate::apply::{self, Execute};
use crate::error::Error;
use crate::plan::{self, Names, Observed, Others, Step};
use crate::record::{Phase, Record};
use crate::ruleset::Ruleset;
use crate::settings::Settings;
use crate::subnet::{Lease, Request};

/// Ids of records that the remover has been given.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    ids: BTreeSet<String>,
    /// Those that could not be removed: tried again with the next.
    failed: BTreeSet<String>,
    /// Bridges that they leave.
    pub(super) idle: Idle,
}

/// Is told of each container, by handle, whose network could not be removed in the background.
pub type Report = Box<dyn Fn(&str, &Error) + Send>;

impl Leaving {
    /// Whether nothing that somebody may want is about to be free.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && !self.idle.is_deleting()
    }

    /// Whether all of it is gone.
    pub(super) fn is_settled(&self) -> bool {
        self.ids.is_empty() && self.idle.is_empty()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn add(&mut self, id: String) {
        self.ids.insert(id);
    }

    /// Whether a new container of this id and network meets one that is leaving.
    pub(super) fn concerns(
        &self,
        records: &BTreeMap<String, Record>,
        id: &str,
        request: Request,
    ) -> bool {
        let wanted = match request {
            Request::Dynamic => None,
            Request::Subnet(subnet) | Request::Address { subnet, .. } => Some(subnet),
        };
        let leaving = self.ids.iter().filter_map(|id| records.get(id));
        self.has(id) || leaving.into_iter().any(|r| Some(r.lease.subnet) == wanted)
    }
}

/// The thread.
pub(super) struct Remover {
    shared: Arc<Shared>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Remover {
    pub(super) fn start(
        shared: &Arc<Shared>,
        mut executor: Box<dyn Execute>,
        report: Report,
    ) -> std::io::Result<Self> {
        let is_ending = Arc::new(AtomicBool::new(false));
        let thread = {
            let (shared, is_ending) = (shared.clone(), is_ending.clone());
            let name = "network-remover".to_owned();
            std::thread::Builder::new()
                .name(name)
                .spawn(move || work(&shared, &is_ending, executor.as_mut(), &report))?
        };
        Ok(Self {
            shared: shared.clone(),
            is_ending,
            thread: Some(thread),
        })
    }

    pub(super) fn wake(&self) {
        self.shared.changed.notify_all();
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        {
            // With the lock, so that the thread is either waiting or sees the mark.
            let _inner = self.shared.lock();
            self.is_ending.store(true, Ordering::SeqCst);
            self.wake();
        }
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by the thread itself; the records are as it left them.
            _ = thread.join();
        }
    }
}

fn work(shared: &Shared, is_ending: &AtomicBool, executor: &mut dyn Execute, report: &Report) {
    let mut inner = shared.lock();
    loop {
        if !inner.leaving.ids.is_empty() {
            let mut failed = std::mem::take(&mut inner.leaving.failed);
            inner.leaving.ids.append(&mut failed);
        }
        let batch: Vec<Record> = {
            let known = inner.leaving.ids.iter();
            let records = known.filter_map(|id| inner.records.get(id));
            // One that failed may have been made anew since.
            let leaving = records.filter(|record| record.phase == Phase::Removing);
            leaving.cloned().collect()
        };
        if batch.is_empty() {
            inner.leaving.ids.clear();
            shared.changed.notify_all();
            let is_ending = is_ending.load(Ordering::SeqCst);
            if is_ending {
                inner.leaving.idle.hurry();
            }
            let now = Instant::now();
            inner = match inner.leaving.idle.due(now) {
                Due::Now(subnet) => delete_bridge(shared, inner, subnet, executor, report),
                Due::At(when) => {
                    let changed = shared.changed.wait_timeout(inner, when - now);
                    changed.unwrap_or_else(PoisonError::into_inner).0
                }
                Due::Never if is_ending => return,
                Due::Never => {
                    let changed = shared.changed.wait(inner);
                    changed.unwrap_or_else(PoisonError::into_inner)
                }
            };
            continue;
        }
        drop(inner);
        let deleted = delete_pairs(&shared.settings, &batch, executor);
        inner = shared.lock();
        if let Err(error) = &deleted {
            batch
                .iter()
                .for_each(|record| report(&record.handle, error));
        }
        for record in &batch {
            let mut is_gone = deleted.is_ok();
            if is_gone && let Err(error) = inner.finish(shared, record) {
                report(&record.handle, &error);
                is_gone = false;
            }
            if !is_gone {
                inner.leaving.failed.insert(record.id());
            }
        }
        // All of the batch, and what needed nothing any more.
        for record in &batch {
            inner.leaving.ids.remove(&record.id());
        }
        shared.changed.notify_all();
    }
}

/// Deletes the bridge of a subnet, which nobody gets meanwhile.
fn delete_bridge<'a>(
    shared: &'a Shared,
    mut inner: MutexGuard<'a, Inner>,
    subnet: Subnet,
    executor: &mut dyn Execute,
    report: &Report,
) -> MutexGuard<'a, Inner> {
    let address = subnet.gateway();
    let lease = Lease { subnet, address };
    inner.subnets.adopt(lease);
    let handle = inner.leaving.idle.begin(subnet);
    drop(inner);
    let bridge = shared.settings.tag.bridge(subnet);
    // If it fails, the next container there has the bridge as it is, or the next start tries again.
    if let Err(source) = apply::apply(executor, &[Step::Delete(bridge)], None) {
        let source = Box::new(source);
        let of = handle.clone();
        report(&handle, &Error::Step { handle: of, source });
    }
    let mut inner = shared.lock();
    inner.leaving.idle.end();
    inner.subnets.release(lease);
    if inner.records.is_empty() && inner.leaving.idle.is_empty() {
        // With the lock: the next container makes the table anew.
        let rules = Step::Rules(Ruleset::new(&shared.settings).nothing());
        if let Err(source) = apply::apply(executor, &[rules], None) {
            let source = Box::new(source);
            let of = handle.clone();
            report(&handle, &Error::Step { handle: of, source });
        }
    }
    inner
}

/// Deletes the veth pairs of all of them.
fn delete_pairs(
    settings: &Settings,
    leaving: &[Record],
    executor: &mut dyn Execute,
) -> Result<(), Error> {
    let mut pairs = BTreeSet::new();
    for record in leaving {
        let names = Names::of(settings, record);
        let observed = executor.observe(&names, None);
        let observed = observed.map_err(|source| Error::Observe {
            handle: record.handle.clone(),
            source: Box::new(source),
        })?;
        // With the bridge, so that it is known to be one; others may stay on it.
        for step in plan::tear_down(settings, record, &observed, Others::Elsewhere)? {
            if let Step::Delete(link) = step
                && link != names.bridge
            {
                pairs.insert(link);
            }
        }
    }
    let all = Step::DeleteAll(pairs.into_iter().collect());
    apply::apply(executor, &[all], None).map_err(|source| {
        let handles: Vec<&str> = leaving.iter().map(|r| r.handle.as_str()).collect();
        Error::Step {
            handle: handles.join(", "),
            source: Box::new(source),
        }
    })
}

impl Inner {
    /// Removes the rules and the record of a container whose links are gone, and sets the bridge
    /// aside if it was the last on it. Marked before the record goes: a crash between the two finds
    /// both. The table stays as long as a bridge does, also if it was the last of all.
    fn finish(&mut self, shared: &Shared, record: &Record) -> Result<(), Error> {
        let others = match self.others(record) {
            Others::None => Others::Elsewhere,
            others => others,
        };
        let none = Observed::default();
        let mut steps = plan::tear_down(&shared.settings, record, &none, others)?;
        let is_last = others != Others::InSubnet;
        if is_last {
            let bridge = Names::of(&shared.settings, record).bridge;
            steps.push(Step::SetAside(bridge));
        }
        self.apply(&record.handle, &steps, None)?;
        self.forget(record)?;
        if is_last {
            let (subnet, now) = (record.lease.subnet, Instant::now());
            self.leaving.idle.add(subnet, &record.handle, now);
        }
        Ok(())
    }
}
