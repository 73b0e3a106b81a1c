//! Trying again what may well succeed in a moment.

use std::time::Duration;

use crate::Error;

/// How long to wait after try number `tried`, counted from one.
pub(crate) fn pause(tried: u32) -> Duration {
    Duration::from_millis(300).saturating_mul(1 << (2 * tried.saturating_sub(1)).min(8))
}

/// Does something until it succeeds, fails for good, or has been tried so often.
pub(crate) fn retried<T>(
    tries: u32,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut tried = 1;
    loop {
        match attempt() {
            Err(error) if error.is_transient() && tried < tries => {
                std::thread::sleep(pause(tried));
                tried += 1;
            }
            done => return done,
        }
    }
}
