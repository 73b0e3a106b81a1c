//! Bringing the layers of a source into the store.
//!
//! ```text
//! layers that are missing ─► queue ─► workers, each: open ─► unpack ─► lease
//!                                      no room: remove what nothing uses, try once more
//!                                      any other failure: no more are begun, the others stop
//! ```

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{LayerName, Source};
use crate::store::{Base, Cleared, Error, Lease, Store, is_full};

/// Most layers at the same time. Each takes two threads and some MiB of pieces that wait between
/// them, however large it is, so this bounds the memory too.
const MOST: usize = 8;

impl Store {
    /// Brings all layers of a source into the store, those that are missing at the same time, and
    /// leases them. If there is no room, layers that nothing uses are removed, once.
    ///
    /// # Errors
    /// Of the layer that failed first; the others are given up then. [`Error::NoRoom`] if there is
    /// still no room.
    pub fn fetch(&self, source: &dyn Source) -> Result<Vec<Lease>, Error> {
        let count = source.layers().len();
        // Those below a base directory need to see the layers under them.
        let is_based = |index: &usize| source.base_directory(*index).is_some();
        let (based, plain): (Vec<_>, Vec<_>) = (0..count).partition(is_based);
        let fetch = Fetch {
            store: self,
            source,
            queue: plain,
            next: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            failed: Mutex::new(None),
            cleared: Mutex::new(None),
        };
        let mut leases: Vec<Option<Lease>> = Vec::new();
        leases.resize_with(count, || None);
        for (index, lease) in fetch.all()? {
            if let Some(place) = leases.get_mut(index) {
                *place = Some(lease);
            }
        }
        for index in based {
            let below: Vec<&Lease> = leases.iter().take(index).flatten().collect();
            let path = source.base_directory(index).unwrap_or("/".as_ref());
            let base = Base::over(&below, path)?;
            let lease = fetch.one(index, Some(&base))?;
            if let Some(place) = leases.get_mut(index) {
                *place = Some(lease);
            }
        }
        Ok(leases.into_iter().flatten().collect())
    }
}

/// What the workers share.
struct Fetch<'a> {
    store: &'a Store,
    source: &'a dyn Source,
    /// Indexes of layers, lowest first.
    queue: Vec<usize>,
    /// Which of them is begun next.
    next: AtomicUsize,
    /// One has failed.
    is_over: AtomicBool,
    /// Why, of the first.
    failed: Mutex<Option<Error>>,
    /// What came of removing layers for want of room, once that was tried.
    cleared: Mutex<Option<Cleared>>,
}

impl Fetch<'_> {
    /// All layers of the queue.
    fn all(&self) -> Result<Vec<(usize, Lease)>, Error> {
        let cpus = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let workers = cpus.clamp(2, MOST).min(self.queue.len());
        let fetched = std::thread::scope(|scope| {
            let start = |_| scope.spawn(|| self.work());
            let running: Vec<_> = (0..workers).map(start).collect();
            let ended = running.into_iter().map(|worker| {
                let fetched = worker.join();
                fetched.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            ended.flatten().collect()
        });
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match failed.take() {
            Some(error) => Err(error),
            None => Ok(fetched),
        }
    }

    /// Takes layers from the queue until it is empty, or one has failed.
    fn work(&self) -> Vec<(usize, Lease)> {
        let mut fetched = Vec::new();
        while !self.is_over.load(Ordering::SeqCst) {
            let next = self.next.fetch_add(1, Ordering::SeqCst);
            let Some(index) = self.queue.get(next).copied() else {
                break;
            };
            match self.one(index, None) {
                Ok(lease) => fetched.push((index, lease)),
                Err(error) => {
                    let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                    // Later ones may have been stopped by the first.
                    failed.get_or_insert(error);
                    self.is_over.store(true, Ordering::SeqCst);
                }
            }
        }
        fetched
    }

    /// One layer, if need be in the room of layers that nothing uses.
    fn one(&self, index: usize, base: Option<&Base>) -> Result<Lease, Error> {
        match self.attempt(index, base) {
            Err(error) if is_full(&error) => {}
            done => return done,
        }
        let cleared = self.make_room();
        let tried = self.attempt(index, base);
        tried.map_err(|error| {
            let layer = match self.source.layers().get(index) {
                Some(LayerName::Source(name)) => *name,
                Some(LayerName::Content { diff_id, .. }) => *diff_id,
                None => return error,
            };
            let packed = self.source.expected(index).blob_size;
            self.store.told_of_room(error, layer, packed, cleared)
        })
    }

    /// Removes the layers that nothing uses, the first time that there is no room; whoever comes
    /// meanwhile waits for that.
    fn make_room(&self) -> Cleared {
        let mut cleared = self.cleared.lock().unwrap_or_else(PoisonError::into_inner);
        cleared.get_or_insert_with(|| self.store.clear()).clone()
    }

    fn attempt(&self, index: usize, base: Option<&Base>) -> Result<Lease, Error> {
        let Some(name) = self.source.layers().get(index).copied() else {
            return Err(Error::NoLayers);
        };
        let expected = self.source.expected(index);
        let open = || {
            let inner = self.source.open(index)?;
            let is_over = &self.is_over;
            Ok(Stoppable { inner, is_over })
        };
        match (name, self.source.directory(index)) {
            (LayerName::Source(id), Some(path)) => self.store.layer_of_directory(id, path),
            (LayerName::Source(id), None) => self.store.make_of_source(id, expected, base, open),
            (LayerName::Content { diff_id, .. }, _) => {
                self.store.make(diff_id, expected, base, open)
            }
        }
    }
}

/// A layer's bytes, as long as no other layer has failed.
struct Stoppable<'a> {
    inner: Box<dyn Read + Send + 'a>,
    is_over: &'a AtomicBool,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_over.load(Ordering::SeqCst) {
            return Err(io::Error::other("another layer of the image has failed"));
        }
        self.inner.read(buffer)
    }
}
