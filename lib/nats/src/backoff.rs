//! How long to wait before the next attempt.
//!
//! The first attempts come fast, because a server or a user that is missing now is often there in
//! a moment; those that follow go slower, so that a thousand clients do not keep a server busy with
//! handshakes. A part of each wait is by chance, so that they do not come all at once.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
/// The longest wait while attempts have failed for less than [`PATIENCE`].
const SOON: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest wait after that.
const LATER: Duration = Duration::from_secs(5);

/// The wait after `failures` failed attempts (from 1) in `since` the first of them. `chance` is any
/// number.
#[must_use]
pub fn wait(failures: u32, since: Duration, chance: u64) -> Duration {
    let most = if since < PATIENCE { SOON } else { LATER };
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let full = doubled.min(most);
    // Between three quarters and the whole.
    let quarter = u64::try_from(full.as_micros() / 4)
        .unwrap_or(u64::MAX)
        .max(1);
    full - Duration::from_micros(chance % quarter)
}

#[cfg(test)]
mod tests {
    use super::wait;
    use std::time::Duration;

    #[test]
    fn waits_grow_to_a_second_and_later_to_five() {
        let soon = Duration::from_secs(10);
        assert!(wait(1, soon, 7) <= Duration::from_millis(50));
        assert!(wait(1, soon, u64::MAX) >= Duration::from_millis(37));
        assert_eq!(wait(400, soon, 0), Duration::from_secs(1));
        assert_eq!(
            wait(400, Duration::from_secs(500), 0),
            Duration::from_secs(5)
        );
    }
}
