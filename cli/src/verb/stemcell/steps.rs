//! Steps that take a while, told on standard error as they begin and end.

use std::time::Instant;

use crate::failure::Failure;

/// Does a step, saying that it is done.
pub fn step<T>(name: &str, run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    eprintln!("{name}...");
    let started = Instant::now();
    let done = run()?;
    eprintln!("{name}: done, {:.1} s", started.elapsed().as_secs_f64());
    Ok(done)
}
