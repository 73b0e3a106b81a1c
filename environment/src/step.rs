//! What is told while something takes its time.

use std::time::{Duration, Instant};

/// Takes what happens.
pub trait Progress {
    /// A step begins.
    fn begin(&self, step: &str);
    /// It is done; `outcome` says what came of it.
    fn done(&self, step: &str, outcome: &str, took: Duration);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str) {}
    fn done(&self, _: &str, _: &str, _: Duration) {}
}

/// Does a step that answers with what came of it, and a value.
pub(crate) fn step<T, E>(
    progress: &dyn Progress,
    name: &str,
    run: impl FnOnce() -> Result<(String, T), E>,
) -> Result<T, E> {
    progress.begin(name);
    let started = Instant::now();
    let (outcome, value) = run()?;
    progress.done(name, &outcome, started.elapsed());
    Ok(value)
}
