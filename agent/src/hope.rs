//! How long an agent that cannot get on keeps quiet about it (pure).
//!
//! Whatever is in its way may go: it tries for ever. But a director that has made a machine and waits for its
//! agent reads the agent's log, and waits no longer when a line there says `FATAL`. So that is said of what
//! stays as it is until somebody changes something, when it has stayed for a while.
//!
//! ```text
//! none ── refused ──► refused ── for a while ──► told: once in an agent's life
//!   └──── nobody there, or another reason ──┘
//!   └──── let in: settled, and nothing is said any more
//! ```

use std::time::{Duration, Instant};

/// Whether there is hope still.
#[derive(Debug)]
pub struct Hope {
    patience: Duration,
    since: Option<Instant>,
    is_settled: bool,
}

impl Hope {
    /// With a patience.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            since: None,
            is_settled: false,
        }
    }

    /// It was refused; the answer is for how long it has been, if that is to be said now.
    #[must_use]
    pub fn refused(&mut self, now: Instant) -> Option<Duration> {
        let time = now.duration_since(*self.since.get_or_insert(now));
        if self.is_settled || time < self.patience {
            return None;
        }
        self.is_settled = true;
        Some(time)
    }

    /// Something has changed.
    pub fn revive(&mut self) {
        self.since = None;
    }

    /// It was let in.
    pub fn settle(&mut self) {
        self.is_settled = true;
    }
}

#[cfg(test)]
mod tests {
    use super::Hope;
    use std::time::{Duration, Instant};

    #[test]
    fn what_stays_refused_is_told_once() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut hope = Hope::new(Duration::from_secs(30));
        assert_eq!(hope.refused(at(0)), None);
        assert_eq!(hope.refused(at(29)), None);
        // As when the server was away.
        hope.revive();
        assert_eq!(hope.refused(at(31)), None);
        assert_eq!(hope.refused(at(60)), None);
        assert_eq!(hope.refused(at(61)), Some(Duration::from_secs(30)));
        assert_eq!(hope.refused(at(200)), None);
        hope.revive();
        assert_eq!(hope.refused(at(300)), None);
        assert_eq!(hope.refused(at(400)), None);
    }

    #[test]
    fn who_was_let_in_is_never_without_hope() {
        let begun = Instant::now();
        let mut hope = Hope::new(Duration::from_secs(30));
        assert_eq!(hope.refused(begun), None);
        hope.settle();
        assert_eq!(hope.refused(begun + Duration::from_secs(60)), None);
    }
}
