//! Which handles are being made or destroyed right now, by this process.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::Error;

/// The register.
#[derive(Debug, Default)]
pub(super) struct Busy {
    now: Mutex<HashMap<String, Doing>>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Create,
    Destroy,
}

/// One handle in the register, until dropped.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    busy: &'a Busy,
    handle: String,
}

impl Busy {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Doing>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a creation; refused while the handle is in the register at all.
    pub fn create(&self, handle: &str) -> Result<Entry<'_>, Error> {
        let handle = handle.to_owned();
        match self.lock().entry(handle.clone()) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Doing::Create);
            }
            std::collections::hash_map::Entry::Occupied(_) => {
                return Err(Error::ContainerExists { handle });
            }
        }
        Ok(Entry { busy: self, handle })
    }

    /// Registers a destruction: waits for a creation to end, and is refused during another.
    pub fn destroy(&self, handle: &str) -> Result<Entry<'_>, Error> {
        let handle = handle.to_owned();
        let mut now = self.lock();
        loop {
            match now.get(&handle) {
                None => break,
                Some(Doing::Destroy) => return Err(Error::Destroying { handle }),
                Some(Doing::Create) => {
                    now = self
                        .changed
                        .wait(now)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        now.insert(handle.clone(), Doing::Destroy);
        drop(now);
        Ok(Entry { busy: self, handle })
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.busy.lock().remove(&self.handle);
        self.busy.changed.notify_all();
    }
}
