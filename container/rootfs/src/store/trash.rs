//! What is to go: out of sight first, then removed, by whoever asked or by a thread.
//!
//! ```text
//! image, layer ─ rename ─► trash/NAME ─► removed
//!                              └── told to the thread ─► removed, or reported
//! ```
//!
//! Unlinking takes as long as the file system likes, ten times what all else of an image's end takes
//! where the disk is busy, and nobody learns anything from it. What a crash leaves in `trash/` the next
//! opening removes. The thread has at most [`MOST`] things to do; whoever comes then does it himself. Who
//! needs the room waits for it: [`Store::settle`].

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::io::Errno;
use warren_sys_mount::MountTable;

use super::{Error, Store, io, work};
use crate::driver::{self, unmount_all};

/// How many things wait for the thread.
const MOST: usize = 32;

/// Is told of what could not be removed; the next opening of the store tries again.
pub type Report = Box<dyn Fn(&Error) + Send>;

/// Moved out of sight.
#[derive(Debug)]
pub(crate) struct Discarded {
    path: PathBuf,
    /// The image that it was, or whatever is to be named in errors.
    of: String,
}

impl Discarded {
    /// Removes it, and unmounts what is mounted in it, which has been moved with it.
    fn remove(&self) -> Result<(), Error> {
        match work::remove(&self.path) {
            Ok(()) => Ok(()),
            Err(Errno::XDEV | Errno::BUSY) => {
                unmount_below(&self.path).map_err(|source| Error::Driver {
                    id: self.of.clone(),
                    source,
                })?;
                work::remove(&self.path).map_err(io("remove", &self.path))
            }
            Err(errno) => Err(io("remove", &self.path)(errno)),
        }
    }
}

/// Unmounts what is mounted at a path or below, the innermost first.
fn unmount_below(path: &Path) -> Result<(), driver::Error> {
    let table = MountTable::read(Path::new("/proc"), "thread-self").map_err(|error| {
        driver::Error::at(driver::Step::Unmount)(Errno::IO).with(error.to_string())
    })?;
    let mut below: Vec<_> = table
        .iter()
        .map(|mount| &mount.mount_point)
        .filter(|point| point.starts_with(path))
        .collect();
    below.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    below
        .into_iter()
        .try_for_each(|point| unmount_all(point).map(drop))
}

impl Store {
    pub(super) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    /// Moves something out of sight and removes it.
    pub(crate) fn discard(&self, path: &Path, of: &str) -> Result<(), Error> {
        match self.set_aside(path, of)? {
            Some(discarded) => discarded.remove(),
            None => Ok(()),
        }
    }

    /// The same, but removed by the thread, if there is one.
    pub(crate) fn discard_soon(&self, path: &Path, of: &str) -> Result<(), Error> {
        let Some(discarded) = self.set_aside(path, of)? else {
            return Ok(());
        };
        let left = match &self.emptier {
            Some(emptier) => emptier.put(discarded),
            None => Some(discarded),
        };
        left.map_or(Ok(()), |discarded| discarded.remove())
    }

    /// Nothing if there is nothing.
    fn set_aside(&self, path: &Path, of: &str) -> Result<Option<Discarded>, Error> {
        let target = self.trash().join(crate::unique::name());
        match std::fs::rename(path, &target) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("discard", path)(error)),
            Ok(()) => Ok(Some(Discarded {
                path: target,
                of: of.to_owned(),
            })),
        }
    }

    /// Removes what crashed processes left, and what others are about to remove; answers how many.
    /// What cannot be removed is in nobody's way, and told by [`Store::stuck`].
    pub(super) fn sweep_trash(&mut self) -> Result<usize, Error> {
        let trash = self.trash();
        let mut swept = 0;
        for entry in std::fs::read_dir(&trash).map_err(io("list", &trash))? {
            let path = entry.map_err(io("list", &trash))?.path();
            let of = "trash".to_owned();
            match (Discarded { path, of }).remove() {
                Ok(()) => swept += 1,
                Err(error) => self.stuck.push(error),
            }
        }
        Ok(swept)
    }

    /// What is done with, and could not be removed when the store was opened; the next opening tries
    /// again. A file that somebody has made immutable is one.
    #[must_use]
    pub fn stuck(&self) -> &[Error] {
        &self.stuck
    }

    /// Starts the thread for [`Store::destroy_soon`]. Dropping the value waits until what was begun is
    /// done.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn empty_in_background(&mut self, report: Report) -> std::io::Result<()> {
        self.emptier = Some(Emptier::start(report)?);
        Ok(())
    }

    /// Waits until everything given to [`Store::destroy_soon`] by now is gone, or has been reported.
    pub fn settle(&self) {
        if let Some(emptier) = &self.emptier {
            emptier.settle();
        }
    }
}

/// The thread.
#[derive(Debug)]
pub(super) struct Emptier {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// The first is being removed.
    all: VecDeque<Arc<Discarded>>,
    /// How many were there and are not any more.
    done: usize,
    is_ending: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let changed = self.changed.wait(queue);
        changed.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Emptier {
    fn start(report: Report) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store-emptier".to_owned())
            .spawn(move || empty(&own, &report))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Given back if there is enough to do.
    fn put(&self, discarded: Discarded) -> Option<Discarded> {
        let mut queue = self.shared.lock();
        if queue.all.len() >= MOST {
            return Some(discarded);
        }
        queue.all.push_back(Arc::new(discarded));
        self.shared.changed.notify_all();
        None
    }

    fn settle(&self) {
        let mut queue = self.shared.lock();
        // Those that are there now: others may come for ever.
        let last = queue.done + queue.all.len();
        while queue.done < last {
            queue = self.shared.wait(queue);
        }
    }
}

fn empty(shared: &Shared, report: &Report) {
    let mut queue = shared.lock();
    loop {
        let Some(next) = queue.all.front().cloned() else {
            if queue.is_ending {
                return;
            }
            queue = shared.wait(queue);
            continue;
        };
        drop(queue);
        if let Err(error) = next.remove() {
            report(&error);
        }
        queue = shared.lock();
        queue.all.pop_front();
        queue.done += 1;
        shared.changed.notify_all();
    }
}

impl Drop for Emptier {
    fn drop(&mut self) {
        {
            // With the lock, so that the thread is either waiting or sees the mark.
            self.shared.lock().is_ending = true;
            self.shared.changed.notify_all();
        }
        if let Some(thread) = self.thread.take() {
            // A panic there has been told by the thread itself; what is left the next opening removes.
            _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Nowhere, so that it cannot be removed.
    fn nothing() -> Discarded {
        Discarded {
            path: PathBuf::new(),
            of: "nothing".to_owned(),
        }
    }

    #[test]
    fn who_waits_does_not_wait_for_what_comes_later() {
        let queue: Arc<OnceLock<Arc<Shared>>> = Arc::default();
        let is_enough = Arc::new(AtomicBool::new(false));
        let (later, enough) = (Arc::clone(&queue), Arc::clone(&is_enough));
        // There is always another one before the one before it is gone.
        let report = move |_: &Error| {
            if !enough.load(Ordering::Relaxed) {
                later
                    .get()
                    .unwrap()
                    .lock()
                    .all
                    .push_back(Arc::new(nothing()));
            }
        };
        let emptier = Emptier::start(Box::new(report)).unwrap();
        assert!(queue.set(Arc::clone(&emptier.shared)).is_ok());
        assert!(emptier.put(nothing()).is_none());
        emptier.settle();
        emptier.settle();
        is_enough.store(true, Ordering::Relaxed);
    }
}
