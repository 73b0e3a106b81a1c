//! Containers whose networks are on their way out.
//!
//! Deleting a link makes the kernel wait until no processor can still be using it, some tens of
//! milliseconds, in which the caller has nothing to learn. So the record is marked first (from
//! there on a crash ends in removal too), and a thread does the rest for all that came together:
//!
//! ```text
//! destroy_soon:  record Removing ─► leaving ─► answer
//! remover:       all of leaving ─► links, in one go, without the lock
//!                               ─► rules, record, address and ports, with the lock ─► gone
//!                                  (and the bridge, if who stayed on it left meanwhile)
//! ```
//!
//! Whoever needs what a leaving container still has, waits: its handle, its subnet's bridge, its
//! ports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use super::{Inner, Shared};
use crate::apply::{self, Execute};
use crate::error::Error;
use crate::plan::{self, Names, Observed, Others, Step};
use crate::record::{Phase, Record};
use crate::settings::Settings;
use crate::subnet::Request;

/// Ids of records that the remover has been given.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    ids: BTreeSet<String>,
    /// Those that could not be removed: tried again with the next.
    failed: BTreeSet<String>,
}

/// Is told of each container, by handle, whose network could not be removed in the background.
pub type Report = Box<dyn Fn(&str, &Error) + Send>;

impl Leaving {
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
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
            if is_ending.load(Ordering::SeqCst) {
                return;
            }
            let changed = shared.changed.wait(inner);
            inner = changed.unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let stays = |other: &Record| !batch.iter().any(|record| record.handle == other.handle);
        let others = |record: &Record| {
            let mut staying = inner.records.values().filter(|other| stays(other));
            if staying.any(|other| other.lease.subnet == record.lease.subnet) {
                Others::InSubnet
            } else {
                Others::Elsewhere
            }
        };
        let leaving: Vec<(&Record, Others)> = batch.iter().map(|r| (r, others(r))).collect();
        drop(inner);
        let deleted = delete_links(&shared.settings, &leaving, executor);
        inner = shared.lock();
        if let Err(error) = &deleted {
            batch
                .iter()
                .for_each(|record| report(&record.handle, error));
        }
        for (record, others) in &leaving {
            let mut is_gone = deleted.is_ok();
            if is_gone && let Err(error) = inner.finish(shared, record, *others) {
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

/// Deletes the links of all of them, and the bridges on which nobody stays.
fn delete_links(
    settings: &Settings,
    leaving: &[(&Record, Others)],
    executor: &mut dyn Execute,
) -> Result<(), Error> {
    let mut links = BTreeSet::new();
    for (record, others) in leaving {
        let handle = || record.handle.clone();
        let observed = executor.observe(&Names::of(settings, record), None);
        let observed = observed.map_err(|source| Error::Observe {
            handle: handle(),
            source: Box::new(source),
        })?;
        for step in plan::tear_down(settings, record, &observed, *others)? {
            if let Step::Delete(link) = step {
                links.insert(link);
            }
        }
    }
    let all = Step::DeleteAll(links.into_iter().collect());
    apply::apply(executor, &[all], None).map_err(|source| {
        let handles: Vec<&str> = leaving.iter().map(|(r, _)| r.handle.as_str()).collect();
        Error::Step {
            handle: handles.join(", "),
            source: Box::new(source),
        }
    })
}

impl Inner {
    /// Removes the rules and the record of a container whose links are gone; `before` was there when
    /// they were deleted.
    fn finish(&mut self, shared: &Shared, record: &Record, before: Others) -> Result<(), Error> {
        let others = self.others(record);
        // Who stayed in the subnet then and left since has left the bridge to this one.
        let observed = match (before, others) {
            (Others::InSubnet, Others::Elsewhere | Others::None) => {
                self.observe(&shared.settings, record, None)?
            }
            _ => Observed::default(),
        };
        let steps = plan::tear_down(&shared.settings, record, &observed, others)?;
        self.apply(&record.handle, &steps, None)?;
        self.forget(record)
    }
}
