//! Bridges that nobody is on any more. Pure; `leaving` acts.
//!
//! While the kernel deletes a bridge it lets nobody else change any link or make any network
//! namespace, on the whole machine, for as long as its processors take to forget (`rcu_barrier`
//! under the lock of rtnetlink): some 20 ms for each, together or one by one. Links of other kinds
//! cost others nothing. So a bridge stays for a moment when its last container leaves: the next
//! container of the same subnet has it back, and else it goes when nobody is waiting.
//!
//! ```text
//! last container leaves ─► set aside ─┬─► taken back by the next one in its subnet
//!                                     └─► quiet, old or too many ─► being deleted ─► gone
//! ```
//!
//! One that is set aside has no record. It is in a group of links of its own, so that a start after
//! a crash finds it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::address::Subnet;
use crate::subnet::Request;

/// How long no container may have come or gone until bridges are deleted.
const QUIET: Duration = Duration::from_millis(200);
/// How long one may stay where there is no such pause.
const LONGEST: Duration = Duration::from_secs(5);
/// Most of them that stay.
const MOST: usize = 32;

#[derive(Debug)]
struct Aside {
    since: Instant,
    /// The last container on it, for reports.
    handle: String,
}

/// What to do next, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Delete the bridge of this subnet.
    Now(Subnet),
    /// Look again then.
    At(Instant),
    /// Nothing is set aside.
    Never,
}

/// All bridges that are set aside.
#[derive(Debug, Default)]
pub(super) struct Idle {
    bridges: BTreeMap<Subnet, Aside>,
    /// The one that is being deleted.
    deleting: Option<Subnet>,
    /// When a container last came or went.
    touched: Option<Instant>,
    is_urgent: bool,
}

impl Idle {
    /// A container comes or goes.
    pub(super) fn touch(&mut self, now: Instant) {
        self.touched = Some(now);
    }

    pub(super) fn add(&mut self, subnet: Subnet, handle: &str, now: Instant) {
        let handle = handle.to_owned();
        self.bridges.insert(subnet, Aside { since: now, handle });
        self.touch(now);
    }

    /// A container has the bridge back, if it was set aside.
    pub(super) fn take(&mut self, subnet: Subnet) {
        self.bridges.remove(&subnet);
    }

    /// All are to go without delay.
    pub(super) fn hurry(&mut self) {
        self.is_urgent = true;
    }

    pub(super) fn due(&mut self, now: Instant) -> Due {
        let oldest = self.bridges.iter().min_by_key(|(_, aside)| aside.since);
        let Some((subnet, aside)) = oldest else {
            self.is_urgent = false;
            return Due::Never;
        };
        let quiet = self.touched.map_or(now, |touched| touched + QUIET);
        let when = quiet.min(aside.since + LONGEST);
        if self.is_urgent || self.bridges.len() > MOST || when <= now {
            Due::Now(*subnet)
        } else {
            Due::At(when)
        }
    }

    /// Its deletion begins; the handle to report it by.
    pub(super) fn begin(&mut self, subnet: Subnet) -> String {
        self.deleting = Some(subnet);
        self.bridges
            .remove(&subnet)
            .map(|aside| aside.handle)
            .unwrap_or_default()
    }

    /// The deletion has ended.
    pub(super) fn end(&mut self) {
        self.deleting = None;
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.deleting.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bridges.is_empty() && self.deleting.is_none()
    }

    /// Whether a bridge has to go before a container can have what it asks for: one with a part of
    /// its subnet's addresses, or that of its own subnet if it is half gone. Those in the pool are
    /// all of one size, and [`crate::subnet::SubnetPool`] knows which is being deleted.
    pub(super) fn is_in_the_way(&self, request: Request) -> bool {
        let (Request::Subnet(wanted) | Request::Address { subnet: wanted, .. }) = request else {
            return false;
        };
        let asides = self.bridges.keys().filter(|subnet| **subnet != wanted);
        let mut others = asides.chain(self.deleting.as_ref());
        others.any(|subnet| subnet.overlaps(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn the_oldest_goes_when_it_is_quiet() {
        let mut idle = Idle::default();
        let start = Instant::now();
        assert_eq!(idle.due(start), Due::Never);
        let (first, second) = (subnet("10.254.0.4/30"), subnet("10.254.0.0/30"));
        idle.add(first, "a", start);
        assert_eq!(idle.due(start), Due::At(start + QUIET));
        let later = start + QUIET / 2;
        idle.add(second, "b", later);
        assert_eq!(idle.due(start + QUIET), Due::At(later + QUIET));
        let last = later + QUIET;
        assert_eq!(idle.due(last), Due::Now(first));
        assert_eq!(idle.begin(first), "a");
        assert!(!idle.is_empty());
        idle.end();
        assert_eq!(idle.due(last), Due::Now(second));
        idle.take(second);
        assert!(idle.is_empty());
        assert_eq!(idle.due(last), Due::Never);
    }

    #[test]
    fn without_a_pause_it_is_the_old_and_the_many_that_go() {
        let mut idle = Idle::default();
        let start = Instant::now();
        let first = subnet("10.254.0.0/30");
        idle.add(first, "a", start);
        let last = start + LONGEST;
        idle.touch(last - QUIET / 2);
        assert_eq!(idle.due(last - QUIET / 2), Due::At(last));
        assert_eq!(idle.due(last), Due::Now(first));

        let mut idle = Idle::default();
        for index in 0..u8::try_from(MOST).unwrap() {
            idle.add(subnet(&format!("10.254.0.{}/30", index * 4)), "b", start);
            assert_eq!(idle.due(start), Due::At(start + QUIET));
        }
        idle.add(subnet("10.254.1.0/30"), "b", start);
        assert!(matches!(idle.due(start), Due::Now(_)));
    }

    #[test]
    fn in_a_hurry_all_go() {
        let mut idle = Idle::default();
        let now = Instant::now();
        idle.add(subnet("10.254.0.0/30"), "a", now);
        idle.add(subnet("10.254.0.4/30"), "b", now);
        idle.hurry();
        for _ in 0..2 {
            let Due::Now(subnet) = idle.due(now) else {
                panic!("{idle:?}");
            };
            idle.begin(subnet);
            idle.end();
        }
        assert_eq!(idle.due(now), Due::Never);
        // That was for those.
        idle.add(subnet("10.254.0.0/30"), "a", now);
        assert_eq!(idle.due(now), Due::At(now + QUIET));
    }

    #[test]
    fn one_of_other_size_is_in_the_way_and_the_same_is_not_until_it_goes() {
        let mut idle = Idle::default();
        let kept = subnet("10.244.0.0/24");
        idle.add(kept, "a", Instant::now());
        assert!(!idle.is_in_the_way(Request::Dynamic));
        assert!(!idle.is_in_the_way(Request::Subnet(kept)));
        assert!(!idle.is_in_the_way(Request::Subnet(subnet("10.245.0.0/16"))));
        assert!(idle.is_in_the_way(Request::Subnet(subnet("10.244.0.0/16"))));
        assert!(idle.is_in_the_way(Request::Address {
            subnet: subnet("10.244.0.128/25"),
            address: "10.244.0.130".parse().unwrap(),
        }));
        idle.begin(kept);
        assert!(idle.is_in_the_way(Request::Subnet(kept)));
        idle.end();
        assert!(!idle.is_in_the_way(Request::Subnet(kept)));
    }
}
