//! Who gets how much of the CPUs when some use more than they are entitled to. Pure.
//!
//! The stock server moves the processes of a container that is over its entitlement from the group
//! `good` to the group `bad`, whose share of the machine is what all in it are entitled to. Here
//! nobody moves: the container's own group gets the share that it would have had there,
//!
//! ```text
//! weight of a bad one        what it is entitled to, of the machine
//! ────────────────────  =  ──────────────────────────────────────────
//! weight of the good ones   1 − what all bad ones are entitled to
//! ```
//!
//! where the good ones are those that used CPU time since the last look, or at least the one with
//! the fewest shares: one that was idle has its advantage from the first moment. Good ones keep
//! their weight, so without bad ones nothing is changed, and idle CPUs are anybody's.
//!
//! All of it is in the kernel's own unit, [`Unit`]: shares of v1 are no fixed multiple of v2's weights.

use warren_sys_cgroup::limits::convert::{
    SHARES_MIN, WEIGHT_MIN, shares_from_weight, weight_from_shares,
};

/// In what the kernel weighs groups here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `cpu.shares` of v1.
    Shares,
    /// `cpu.weight` of v2.
    Weight,
}

impl Unit {
    /// Shares asked for, in this unit.
    #[must_use]
    pub fn of(self, shares: u64) -> u64 {
        match self {
            Self::Shares => shares,
            Self::Weight => weight_from_shares(shares),
        }
    }

    /// That of a group that was given none.
    fn default(self) -> u64 {
        match self {
            Self::Shares => shares_from_weight(100),
            Self::Weight => 100,
        }
    }

    /// The kernel's least.
    fn least(self) -> u64 {
        match self {
            Self::Shares => SHARES_MIN,
            Self::Weight => WEIGHT_MIN,
        }
    }
}

/// What is left to good ones if bad ones are entitled to all.
const LEFT: f64 = 0.01;

/// A container, or a process with limits of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// CPU shares asked for; 0 is none, and then it is entitled to nothing and not judged.
    pub shares: u64,
    /// Part of the machine's CPUs that it is entitled to, 0 to 1.
    pub part: f64,
    /// Nanoseconds of CPU time that it has used in all.
    pub used: u64,
    /// Nanoseconds that it has been entitled to so far.
    pub entitled: u64,
    /// Whether it used any since the last look.
    pub is_active: bool,
}

impl Candidate {
    /// Whether it has used more than it is entitled to.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        self.shares > 0 && self.used > self.entitled
    }

    fn weight(&self, unit: Unit) -> u64 {
        match self.shares {
            0 => unit.default(),
            shares => unit.of(shares),
        }
    }
}

/// What each is to have.
#[must_use]
pub fn plan(all: &[Candidate], unit: Unit) -> Vec<u64> {
    let weight = |each: &Candidate| each.weight(unit);
    let good = || all.iter().filter(|each| !each.is_bad());
    let active = good().filter(|each| each.is_active);
    let active: u64 = active.map(weight).sum();
    let weight_of_good = good().map(weight).min().map(|least| active.max(least));
    let bad: f64 = all
        .iter()
        .filter(|each| each.is_bad())
        .map(|each| each.part)
        .sum();
    let left = (1.0 - bad).max(LEFT);
    let due = |each: &Candidate| match weight_of_good {
        Some(good) if each.is_bad() => {
            // Rounding and saturation are what is wanted of a conversion here.
            let due = (good as f64 * each.part / left) as u64;
            due.min(weight(each)).max(unit.least())
        }
        _ => weight(each),
    };
    all.iter().map(due).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(shares: u64, part: f64, is_bad: bool, is_active: bool) -> Candidate {
        Candidate {
            shares,
            part,
            used: 10,
            entitled: if is_bad { 9 } else { 10 },
            is_active,
        }
    }

    #[test]
    fn without_bad_ones_all_have_what_they_asked_for() {
        let all = [one(100, 0.1, false, true), one(0, 0.0, true, true)];
        assert_eq!(plan(&all, Unit::Shares), [100, 1024]);
    }

    #[test]
    fn bad_ones_get_what_they_are_entitled_to() {
        // 0.2 of the machine each to two bad ones, so 0.6 to the good ones that are awake.
        let all = [
            one(1000, 0.2, true, true),
            one(1000, 0.2, true, true),
            one(600, 0.2, false, true),
            one(900, 0.3, false, true),
            one(500, 0.1, false, false),
        ];
        assert_eq!(plan(&all, Unit::Shares), [500, 500, 600, 900, 500]);
    }

    #[test]
    fn an_idle_one_that_wakes_has_its_advantage_at_once() {
        let all = [one(1000, 0.1, true, true), one(900, 0.1, false, false)];
        assert_eq!(plan(&all, Unit::Shares), [100, 900]);
    }

    #[test]
    fn nobody_is_raised_and_nobody_gets_nothing() {
        let all = [one(10, 0.9, true, true), one(1000, 0.1, false, true)];
        assert_eq!(plan(&all, Unit::Shares), [10, 1000]);
        let all = [one(1000, 0.0, true, true), one(1000, 0.1, false, true)];
        assert_eq!(plan(&all, Unit::Shares), [2, 1000]);
        let alone = [one(1000, 0.5, true, true), one(500, 0.5, true, true)];
        assert_eq!(plan(&alone, Unit::Shares), [1000, 500]);
        assert!(plan(&[], Unit::Shares).is_empty());
    }

    #[test]
    fn in_weights_the_parts_are_the_same() {
        // As above, in weights: 600 shares are 67, 900 are 92, so one bad one is due a third of 159.
        let all = [
            one(1000, 0.2, true, true),
            one(1000, 0.2, true, true),
            one(600, 0.2, false, true),
            one(900, 0.3, false, true),
        ];
        let good = Unit::Weight.of(600) + Unit::Weight.of(900);
        let planned = plan(&all, Unit::Weight);
        assert_eq!(planned[0], good / 3);
        assert_eq!(
            planned[1..],
            [good / 3, Unit::Weight.of(600), Unit::Weight.of(900)]
        );
        assert_eq!(plan(&[one(0, 0.0, true, true)], Unit::Weight), [100]);
        let nothing = [one(1000, 0.0, true, true), one(1000, 0.1, false, true)];
        assert_eq!(plan(&nothing, Unit::Weight), [1, 99]);
    }
}
