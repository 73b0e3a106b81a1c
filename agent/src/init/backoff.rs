//! How long a service that ends early is left down (pure).

use std::time::Duration;

/// One that ran for as long is started again at once.
const STEADY: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(10);

/// The pause after the `early`th end in a row (from 1) after so long.
pub(super) fn pause(ran: Duration, early: u32) -> Duration {
    if ran >= STEADY {
        return Duration::ZERO;
    }
    FIRST
        .saturating_mul(1 << early.saturating_sub(1).min(10))
        .min(MOST)
}

/// Whether an end after so long is an early one.
pub(super) fn is_early(ran: Duration) -> bool {
    ran < STEADY
}

#[cfg(test)]
mod tests {
    use super::pause;
    use std::time::Duration;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let early = Duration::from_secs(1);
        assert_eq!(pause(early, 1), Duration::from_millis(200));
        assert_eq!(pause(early, 2), Duration::from_millis(400));
        assert_eq!(pause(early, 40), Duration::from_secs(10));
        assert_eq!(pause(Duration::from_secs(11), 5), Duration::ZERO);
    }
}
