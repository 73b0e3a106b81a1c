//! Which pool a server takes that was told none. Pure.
//!
//! A server inside a container finds its own address in the pool of the server outside, and must
//! not give out the same addresses again. It sees that one pool and none further out, so it goes on
//! *behind* what it sees: then all pools on the way from the machine to the innermost container
//! differ, and each can reach every one outside of it.

use std::net::Ipv4Addr;

use crate::address::Subnet;

/// Where the pools are, `10.254.0.0/16`, and their prefix length: 64 pools of 256 containers each.
const AREA: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 254, 0, 0), 16);
const BITS: u8 = 22;

/// The pool for a server that sees these networks: the first behind those that it sees which
/// overlaps none of them, from the beginning again at the end. Where a wide route covers all of
/// them, those narrower than a pool decide: containers' own routes are narrower still, and win. The
/// first pool if there is no better one.
#[must_use]
pub fn choose(seen: &[Subnet]) -> Option<Subnet> {
    let area = Subnet::containing(AREA.0, AREA.1)?;
    let pools: Vec<Subnet> = (0..area.count(BITS))
        .filter_map(|index| area.nth(BITS, index))
        .collect();
    let narrow: Vec<Subnet> = seen
        .iter()
        .copied()
        .filter(|seen| seen.bits() >= BITS)
        .collect();
    let is_met = |pool: &Subnet, by: &[Subnet]| by.iter().any(|other| other.overlaps(*pool));
    let behind = pools.iter().rposition(|pool| is_met(pool, &narrow));
    let start = behind.map_or(0, |last| last + 1);
    let (before, after) = pools.split_at(start.min(pools.len()));
    let in_order = || after.iter().chain(before);
    in_order()
        .find(|pool| !is_met(pool, seen))
        .or_else(|| in_order().find(|pool| !is_met(pool, &narrow)))
        .or(pools.first())
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(seen: &[&str]) -> String {
        let seen: Vec<Subnet> = seen.iter().map(|text| text.parse().unwrap()).collect();
        choose(&seen).unwrap().to_string()
    }

    #[test]
    fn the_first_where_nothing_is_near() {
        assert_eq!(chosen(&[]), "10.254.0.0/22");
        assert_eq!(
            chosen(&["192.168.0.0/16", "10.253.0.0/16"]),
            "10.254.0.0/22"
        );
    }

    #[test]
    fn each_level_goes_on_behind_the_one_outside() {
        let mut seen = "192.0.2.0/24".to_owned();
        let mut all = Vec::new();
        for _ in 0..64 {
            let pool = chosen(&[&seen]);
            seen = format!("{}/30", pool.trim_end_matches("/22"));
            assert!(!all.contains(&pool), "{pool} again: {all:?}");
            all.push(pool);
        }
        assert_eq!(
            all[..3],
            ["10.254.0.0/22", "10.254.4.0/22", "10.254.8.0/22"]
        );
        assert_eq!(chosen(&[&seen]), "10.254.0.0/22");
    }

    #[test]
    fn what_is_taken_at_the_beginning_and_the_end_is_left_out() {
        assert_eq!(
            chosen(&["10.254.252.4/30", "10.254.2.0/24"]),
            "10.254.4.0/22"
        );
    }

    #[test]
    fn a_wide_route_hides_no_narrow_one() {
        assert_eq!(chosen(&["10.0.0.0/8"]), "10.254.0.0/22");
        assert_eq!(chosen(&["10.0.0.0/8", "10.254.0.4/30"]), "10.254.4.0/22");
        // One that covers a part only can be kept out of.
        assert_eq!(chosen(&["10.254.0.0/17"]), "10.254.128.0/22");
    }
}
