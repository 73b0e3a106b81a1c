//! When to send what to whom while a container is being stopped. Pure: it is told the time and
//! who is left.
//!
//! ```text
//!            TERM each second, 10 s            KILL each second, 10 s
//!   begin ──────────────────────────► KILL ──────────────────────────► failed
//!     │ kill: ──────────────────────────▲ │
//!     └──────────── nobody left ────────────────► done
//! ```

use std::time::{Duration, Instant};

/// How long each signal is tried.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long from one round of signals to the next.
const ROUND: Duration = Duration::from_secs(1);
/// How long from one look at who is left to the next, at first and at last.
pub(super) const LOOK: (Duration, Duration) =
    (Duration::from_millis(2), Duration::from_millis(100));

/// Where a stop has got to.
#[derive(Debug)]
pub(super) struct Stop {
    killing: bool,
    patience: Duration,
    /// When this signal was sent first.
    since: Instant,
    /// When it is sent next.
    round: Instant,
    /// When to look next, and how long after that.
    look: Instant,
    pause: Duration,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing before [`Stop::next`].
    Wait,
    /// Send TERM to all that are left.
    Term,
    /// Send KILL to all that are left.
    Kill,
    /// Nobody is left.
    Done,
    /// Somebody is left whom nothing ends.
    Failed,
}

impl Stop {
    /// Begins: the first step is due now. Each signal is tried for `patience`.
    pub fn begin(kill: bool, patience: Duration, now: Instant) -> Self {
        Self {
            killing: kill,
            patience,
            since: now,
            round: now,
            look: now,
            pause: LOOK.0,
        }
    }

    /// Goes over to killing at once.
    pub fn hurry(&mut self, now: Instant) {
        if !self.killing {
            *self = Self::begin(true, self.patience, now);
        }
    }

    /// When there is something to do.
    pub fn next(&self) -> Instant {
        self.look
    }

    /// Looks: `left` is how many processes there are.
    pub fn step(&mut self, left: usize, now: Instant) -> Step {
        if left == 0 {
            return Step::Done;
        }
        if now >= self.since + self.patience {
            if self.killing {
                return Step::Failed;
            }
            *self = Self::begin(true, self.patience, now);
        }
        let due = now >= self.round;
        if due {
            self.round = now + ROUND;
            self.pause = LOOK.0;
        }
        self.look = (now + self.pause).min(self.round);
        self.pause = (self.pause * 2).min(LOOK.1);
        match (due, self.killing) {
            (false, _) => Step::Wait,
            (true, false) => Step::Term,
            (true, true) => Step::Kill,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything but waiting, in milliseconds from the beginning.
    fn run(mut stop: Stop, start: Instant, left: impl Fn(u128) -> usize) -> Vec<(u128, Step)> {
        let mut steps = Vec::new();
        loop {
            let now = stop.next();
            let at = (now - start).as_millis();
            match stop.step(left(at), now) {
                Step::Wait => assert!(stop.next() > now),
                step => {
                    steps.push((at, step));
                    if matches!(step, Step::Done | Step::Failed) {
                        return steps;
                    }
                }
            }
        }
    }

    #[test]
    fn stubborn_ones_get_term_for_ten_seconds_and_then_kill() {
        let start = Instant::now();
        let steps = run(Stop::begin(false, PATIENCE, start), start, |at| {
            usize::from(at < 10_001)
        });
        let mut expected: Vec<_> = (0..10).map(|s| (s * 1000, Step::Term)).collect();
        expected.extend([(10_000, Step::Kill), (10_002, Step::Done)]);
        assert_eq!(steps, expected);
    }

    #[test]
    fn kill_skips_term_and_gives_up_in_the_end() {
        let start = Instant::now();
        let steps = run(Stop::begin(true, PATIENCE, start), start, |_| 1);
        let mut expected: Vec<_> = (0..10).map(|s| (s * 1000, Step::Kill)).collect();
        expected.push((10_000, Step::Failed));
        assert_eq!(steps, expected);
    }

    #[test]
    fn nobody_there_needs_nothing_and_a_quick_end_is_seen_quickly() {
        let start = Instant::now();
        let nobody = run(Stop::begin(false, PATIENCE, start), start, |_| 0);
        assert_eq!(nobody, [(0, Step::Done)]);
        let quick = run(Stop::begin(false, PATIENCE, start), start, |at| {
            usize::from(at < 5)
        });
        assert_eq!(quick, [(0, Step::Term), (6, Step::Done)]);
    }

    #[test]
    fn hurrying_kills_now() {
        let start = Instant::now();
        let mut stop = Stop::begin(false, PATIENCE, start);
        assert_eq!(stop.step(1, start), Step::Term);
        stop.hurry(start);
        assert_eq!(stop.step(1, start), Step::Kill);
        stop.hurry(start);
        assert_eq!(stop.step(1, start), Step::Wait);
    }
}
