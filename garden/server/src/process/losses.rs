//! Output that no client gets. The wire has no word for it, so the log has: at its first byte, and
//! with all of it at the end.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its client fetched nothing for long, and the shim went on without it.
    Late,
    /// Nobody fetched it, and there was more than is kept.
    Unwanted,
}

const CAUSES: [Cause; 2] = [Cause::Late, Cause::Unwanted];

/// Takes a cause, and how many bytes were lost by it so far.
pub type Teller = Box<dyn Fn(Cause, u64) + Send + Sync>;

/// What one conversation has lost.
pub struct Losses {
    tell: Teller,
    /// By cause: all, and what was told.
    counts: [(AtomicU64, AtomicU64); 2],
}

impl Losses {
    /// Nothing so far.
    #[must_use]
    pub fn new(tell: Teller) -> Self {
        Self {
            tell,
            counts: Default::default(),
        }
    }

    /// So many more.
    pub fn add(&self, cause: Cause, bytes: u64) {
        let (all, told) = &self.counts[cause as usize];
        let before = all.fetch_add(bytes, Ordering::Relaxed);
        if bytes > 0 && before == 0 {
            told.store(bytes, Ordering::Relaxed);
            (self.tell)(cause, bytes);
        }
    }

    /// Tells what was not told yet.
    pub fn sum_up(&self) {
        for cause in CAUSES {
            let (all, told) = &self.counts[cause as usize];
            let all = all.load(Ordering::Relaxed);
            if told.swap(all, Ordering::Relaxed) < all {
                (self.tell)(cause, all);
            }
        }
    }
}

impl Drop for Losses {
    fn drop(&mut self) {
        self.sum_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn the_first_byte_and_the_sum_are_told_once_each() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let losses = Losses::new(Box::new(move |cause, bytes| {
            sink.lock().unwrap().push((cause, bytes));
        }));
        losses.add(Cause::Late, 0);
        losses.add(Cause::Late, 5);
        losses.sum_up();
        for _ in 0..3 {
            losses.add(Cause::Unwanted, 10);
        }
        losses.sum_up();
        drop(losses);
        let expected = [
            (Cause::Late, 5),
            (Cause::Unwanted, 10),
            (Cause::Unwanted, 30),
        ];
        assert_eq!(*told.lock().unwrap(), expected);
    }
}
