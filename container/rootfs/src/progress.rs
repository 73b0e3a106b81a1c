//! How far a pull is, for whoever waits for it.
//!
//! ```text
//! telling ─► work on this thread ─────────────────► its outcome
//!        └─► thread: after a while, and then again and again: tell
//! ```

use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::layer::Expected;
use crate::source::{Config, LayerName, Source};
use crate::store::{SourceError, Store};

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Layers that the store lacked at the beginning.
    pub layers: usize,
    /// Those of them that have been read to their end.
    pub done: usize,
    /// Bytes read, as they come.
    pub bytes: u64,
    /// Bytes there are to read, if all layers say how many they have.
    pub of: Option<u64>,
}

/// A source whose reading is counted.
pub struct Watched<'a> {
    source: &'a dyn Source,
    layers: Vec<Option<Count>>,
}

#[derive(Default)]
struct Count {
    bytes: AtomicU64,
    is_done: AtomicBool,
}

impl<'a> Watched<'a> {
    /// A source that is to be brought into this store.
    pub fn new(source: &'a dyn Source, store: &Store) -> Self {
        let lacks = |name: &LayerName| match name {
            LayerName::Content { diff_id, .. } => !store.has(diff_id),
            LayerName::Source(name) => !store.has_source(name),
        };
        let count = |name| lacks(name).then(Count::default);
        Self {
            source,
            layers: source.layers().iter().map(count).collect(),
        }
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let wanted = self.layers.iter().enumerate();
        let wanted = wanted.filter_map(|(index, count)| Some((index, count.as_ref()?)));
        let mut progress = Progress {
            of: Some(0),
            ..Progress::default()
        };
        for (index, count) in wanted {
            progress.layers += 1;
            progress.done += usize::from(count.is_done.load(Ordering::Relaxed));
            progress.bytes += count.bytes.load(Ordering::Relaxed);
            let size = self.source.expected(index).blob_size;
            progress.of = progress.of.zip(size).map(|(sum, size)| sum + size);
        }
        progress
    }
}

impl Source for Watched<'_> {
    fn layers(&self) -> &[LayerName] {
        self.source.layers()
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let inner = self.source.open(index)?;
        Ok(match self.layers.get(index) {
            Some(Some(count)) => {
                // It may be read anew, once there is room.
                count.bytes.store(0, Ordering::Relaxed);
                count.is_done.store(false, Ordering::Relaxed);
                Box::new(Counted { inner, count })
            }
            // It has been removed meanwhile.
            _ => inner,
        })
    }

    fn expected(&self, index: usize) -> Expected {
        self.source.expected(index)
    }

    fn directory(&self, index: usize) -> Option<&Path> {
        self.source.directory(index)
    }

    fn base_directory(&self, index: usize) -> Option<&Path> {
        self.source.base_directory(index)
    }

    fn config(&self) -> Option<&Config> {
        self.source.config()
    }
}

struct Counted<'a> {
    inner: Box<dyn Read + Send + 'a>,
    count: &'a Count,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.count.is_done.store(true, Ordering::Relaxed);
        }
        self.count.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Does some work; if it takes longer than `after`, `tell` is called then, and `every` so often
/// until it is done.
pub fn telling<T>(
    after: Duration,
    every: Duration,
    mut tell: impl FnMut() + Send,
    work: impl FnOnce() -> T,
) -> T {
    let over = (Mutex::new(false), Condvar::new());
    std::thread::scope(|scope| {
        let waiting = &over;
        scope.spawn(move || {
            let mut wait = after;
            loop {
                let lock = waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
                let woken = waiting.1.wait_timeout_while(lock, wait, |over| !*over);
                let (is_over, _) = woken.unwrap_or_else(PoisonError::into_inner);
                if *is_over {
                    return;
                }
                drop(is_over);
                tell();
                wait = every;
            }
        });
        // Also when the work panics, or the other thread would go on for ever.
        let _end = End(&over);
        work()
    })
}

struct End<'a>(&'a (Mutex<bool>, Condvar));

impl Drop for End<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::telling;

    #[test]
    fn work_is_told_of_while_it_lasts_and_not_before_its_time() {
        let (tell, told) = mpsc::channel();
        let every = Duration::from_millis(1);
        // Ends when it has been told of twice.
        let ended = telling(
            every,
            every,
            move || _ = tell.send(()),
            || (told.recv().unwrap(), told.recv().unwrap()),
        );
        assert_eq!(ended, ((), ()));
        let long = Duration::from_secs(3600);
        telling(long, long, || panic!("too early"), || {});
    }

    #[test]
    #[should_panic(expected = "the work")]
    fn work_that_panics_ends_it() {
        let long = Duration::from_secs(3600);
        telling(long, long, || {}, || panic!("the work"));
    }
}
