//! Turns: tests that change the machine as a whole have it to themselves.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits until no other test has the machine to itself.
pub(crate) fn take() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed left what it left; the next says so itself if that matters.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
