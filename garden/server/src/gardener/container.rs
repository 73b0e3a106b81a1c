//! One container in memory.
//!
//! ```text
//!           create                            destroy
//! Making ───────────► ready ─────────────────────────────► gone
//!    └── fails, and what was made cannot be removed: Making, until a destroy succeeds
//! ```
//!
//! The grace time stands still while somebody uses the container, and begins anew afterwards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::state::{Pea, Phase, Record, Records, StateError};

/// A container.
pub struct Container {
    /// Its handle.
    pub handle: String,
    /// Held while it is made or unmade.
    lifecycle: Mutex<()>,
    /// Whether somebody is unmaking it.
    pub(super) is_going: AtomicBool,
    record: Mutex<Record>,
    /// Whether the record has been removed; changed only while that is held.
    is_gone: AtomicBool,
    clients: Mutex<Clients>,
}

#[derive(Debug)]
struct Clients {
    count: usize,
    /// When the last one left.
    since: Instant,
}

impl Container {
    /// A container as its record says.
    #[must_use]
    pub fn new(record: Record) -> Self {
        Self {
            handle: record.handle.clone(),
            lifecycle: Mutex::new(()),
            is_going: AtomicBool::new(false),
            record: Mutex::new(record),
            is_gone: AtomicBool::new(false),
            clients: Mutex::new(Clients {
                count: 0,
                since: Instant::now(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else makes or unmakes it.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.lifecycle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all of it exists.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().phase == Phase::Ready
    }

    /// A copy of its record.
    #[must_use]
    pub fn record(&self) -> Record {
        self.lock().clone()
    }

    /// Changes its record, on disk first.
    ///
    /// # Errors
    /// [`StateError`]; the record is as it was.
    pub fn update(
        &self,
        records: &Records,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), StateError> {
        let mut record = self.lock();
        if self.is_gone.load(Ordering::Relaxed) {
            return Err(StateError::Gone {
                handle: self.handle.clone(),
            });
        }
        let mut changed = record.clone();
        change(&mut changed);
        if changed != *record {
            records.save(&changed)?;
            *record = changed;
        }
        Ok(())
    }

    /// Removes its record; from now on nothing can be written down any more.
    ///
    /// # Errors
    /// [`StateError`]; then it can.
    pub fn forget(&self, records: &Records) -> Result<(), StateError> {
        let _record = self.lock();
        records.remove(&self.handle)?;
        self.is_gone.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// What is kept of a process with a root file system of its own, if it is one.
    #[must_use]
    pub fn pea(&self, id: &str) -> Option<Pea> {
        self.lock().peas.get(id).cloned()
    }

    /// Whether it has these properties; a missing one is as good as an empty one.
    #[must_use]
    pub fn has_properties(&self, wanted: &BTreeMap<String, String>) -> bool {
        let record = self.lock();
        wanted
            .iter()
            .all(|(key, value)| record.properties.get(key).map_or("", String::as_str) == value)
    }

    /// When its grace time is over, if nobody comes.
    #[must_use]
    pub fn expires(&self) -> Option<Instant> {
        let grace = {
            let record = self.lock();
            (record.phase == Phase::Ready && record.grace_time > 0).then_some(record.grace_time)
        }?;
        if self.is_going.load(Ordering::Relaxed) {
            return None;
        }
        let clients = self.clients();
        let over = clients.since.checked_add(Duration::from_nanos(grace))?;
        (clients.count == 0).then_some(over)
    }

    /// Begins to unmake it if its grace time is over at this moment; whether it was. Whoever comes
    /// before that keeps it, and so does who changes the grace time.
    pub(super) fn go_if_expired(&self) -> bool {
        // In this order here alone; nobody else holds both.
        let record = self.lock();
        let clients = self.clients();
        let grace = Duration::from_nanos(record.grace_time);
        let over = clients.since.checked_add(grace);
        let is_over = record.phase == Phase::Ready
            && !grace.is_zero()
            && clients.count == 0
            && over.is_some_and(|over| over <= Instant::now());
        is_over && !self.is_going.swap(true, Ordering::SeqCst)
    }

    /// Begins the grace time anew.
    pub fn touch(&self) {
        self.clients().since = Instant::now();
    }
}

/// Somebody uses a container.
pub struct InUse {
    /// The container.
    pub container: Arc<Container>,
    grace: Arc<Notify>,
}

impl InUse {
    pub(super) fn new(container: Arc<Container>, grace: Arc<Notify>) -> Self {
        container.clients().count += 1;
        Self { container, grace }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        {
            let mut clients = self.container.clients();
            clients.count -= 1;
            clients.since = Instant::now();
        }
        if self.container.lock().grace_time > 0 {
            self.grace.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(grace_time: u64) -> Arc<Container> {
        Arc::new(Container::new(Record {
            handle: "h".to_owned(),
            phase: Phase::Ready,
            created: 0,
            grace_time,
            privileged: false,
            properties: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
            cpu_shares: 0,
            has_image: false,
            peas: BTreeMap::new(),
        }))
    }

    #[test]
    fn a_client_stops_the_clock_and_its_leaving_begins_it_anew() {
        let container = container(1_000_000);
        let first = container.expires().unwrap();
        let grace = Arc::new(Notify::new());
        let one = InUse::new(Arc::clone(&container), Arc::clone(&grace));
        let two = InUse::new(Arc::clone(&container), grace);
        drop(one);
        assert_eq!(container.expires(), None);
        drop(two);
        assert!(container.expires().unwrap() > first);
    }

    #[test]
    fn it_goes_once_and_only_while_nobody_is_there() {
        let forever = container(0);
        assert!(!forever.go_if_expired());
        let container = container(1);
        while container.expires().unwrap() > Instant::now() {}
        let grace = Arc::new(Notify::new());
        let client = InUse::new(Arc::clone(&container), grace);
        assert!(!container.go_if_expired());
        drop(client);
        while container.expires().unwrap() > Instant::now() {}
        assert!(container.go_if_expired());
        assert!(!container.go_if_expired());
        assert_eq!(container.expires(), None);
    }

    #[test]
    fn no_grace_time_is_for_ever_and_so_is_too_long_a_one() {
        assert_eq!(container(0).expires(), None);
        let _far_or_never = container(u64::MAX).expires();
    }

    #[test]
    fn a_missing_property_is_an_empty_one() {
        let container = container(0);
        let wanted = |key: &str, value: &str| {
            container.has_properties(&BTreeMap::from([(key.to_owned(), value.to_owned())]))
        };
        assert!(wanted("a", "1") && wanted("b", ""));
        assert!(!wanted("a", "") && !wanted("b", "1"));
    }
}
