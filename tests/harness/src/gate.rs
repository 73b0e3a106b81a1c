//! Who may change the machine while a leak check looks at it.
//!
//! Tests of one executable run on parallel threads. Those that make something
//! hold the gate shared; a leak check holds it alone, so that what others make
//! meanwhile is not taken for its own leak. A thread never waits for itself.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

static GATE: Mutex<Gate> = Mutex::new(Gate {
    shared: 0,
    exclusive: false,
});
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// How often this thread took the gate shared, wherever those are dropped.
    static SHARED: Arc<AtomicUsize> = Arc::default();
    /// Whether this thread is alone behind it.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug)]
struct Gate {
    shared: usize,
    exclusive: bool,
}

/// The gate, held together with others.
#[derive(Debug)]
pub struct Shared(Arc<AtomicUsize>);

/// The gate, held alone. Bound to its thread.
#[derive(Debug)]
pub struct Exclusive(PhantomData<*const ()>);

fn gate() -> MutexGuard<'static, Gate> {
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait(gate: MutexGuard<'static, Gate>) -> MutexGuard<'static, Gate> {
    CHANGED.wait(gate).unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no other thread is alone behind the gate.
pub fn shared() -> Shared {
    let mine = SHARED.with(Arc::clone);
    let mut now = gate();
    while now.exclusive && !ALONE.get() {
        now = wait(now);
    }
    now.shared += 1;
    mine.fetch_add(1, Ordering::SeqCst);
    Shared(mine)
}

/// Waits until no other thread is behind the gate.
///
/// # Panics
/// If this thread is alone behind it already.
#[track_caller]
pub fn exclusive() -> Exclusive {
    assert!(!ALONE.get(), "one leak check at a time");
    let mine = SHARED.with(Arc::clone);
    let mut now = gate();
    while now.exclusive || now.shared > mine.load(Ordering::SeqCst) {
        now = wait(now);
    }
    now.exclusive = true;
    ALONE.set(true);
    Exclusive(PhantomData)
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut now = gate();
        self.0.fetch_sub(1, Ordering::SeqCst);
        now.shared -= 1;
        CHANGED.notify_all();
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        ALONE.set(false);
        gate().exclusive = false;
        CHANGED.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    #[test]
    fn one_alone_waits_for_others_but_not_for_itself() {
        let others_done = AtomicBool::new(false);
        let started = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _shared = shared();
                started.wait();
                std::thread::sleep(Duration::from_millis(30));
                others_done.store(true, Ordering::SeqCst);
            });
            started.wait();
            let before = shared();
            let alone = exclusive();
            assert!(others_done.load(Ordering::SeqCst));
            let inside = shared();
            drop((before, alone, inside));
        });
        drop(exclusive());
    }
}
