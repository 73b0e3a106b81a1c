//! Somebody who looks all the time whether an ensemble of three lives, and serves: takes what is written
//! to it.
//!
//! A node takes connections while it has no leader, so that it lives says little of the ensemble: it
//! serves while most nodes say that they lead or follow, one of them that it leads.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use warren_tests_harness::NetNs;

use crate::zookeeper::Node;

/// Whose children are what was written.
pub const WRITTEN: &str = "/written";
/// For how long it may not serve at most: what ZooKeeper itself grants a new leader and those that
/// follow it, twenty ticks (`initLimit`) of the longest tick that a step sets.
pub const ELECTION: Duration = Duration::from_millis(20 * 1600);
/// From one write to the next.
const BETWEEN: Duration = Duration::from_millis(500);

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// How often all were asked.
    pub rounds: usize,
    /// How often one did not live, which is no harm.
    pub one_down: usize,
    /// Nodes that did not live at the same time.
    pub too_many: Vec<[Ipv4Addr; 2]>,
    /// How long it did not serve, at most.
    pub leaderless: Duration,
    /// How many times it was written to.
    pub written: usize,
}

/// Looks until it is over.
pub fn watch(net: &NetNs, addresses: &[Ipv4Addr], over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let node = |address: Ipv4Addr| Node { net, address };
    let lives = |address: Ipv4Addr| node(address).lives();
    let (mut served, mut wrote) = (Instant::now(), Instant::now());
    while !over.load(Ordering::SeqCst) {
        let mut down = addresses.iter().copied().filter(|each| !lives(*each));
        if let Some(first) = down.next() {
            seen.one_down += 1;
            // One is asked after the other: only if the first is still down were both at once.
            if let Some(second) = down.next()
                && !lives(first)
                && !over.load(Ordering::SeqCst)
            {
                println!("    {first} and {second} are down");
                seen.too_many.push([first, second]);
            }
        }
        let serving = serving(addresses.iter().map(|address| node(*address)));
        // Up to now, since nobody knows what was in between.
        seen.leaderless = seen.leaderless.max(served.elapsed());
        if let Some(one) = serving {
            served = Instant::now();
            // It may lose its leader at this very moment.
            let path = format!("{WRITTEN}/{}", seen.written);
            if wrote.elapsed() > BETWEEN && one.try_create(&path, "").is_ok() {
                seen.written += 1;
                wrote = Instant::now();
            }
        }
        seen.rounds += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    seen
}

/// A node that serves, if most do.
fn serving<'a>(nodes: impl Iterator<Item = Node<'a>>) -> Option<Node<'a>> {
    let modes: Vec<(Node<'_>, String)> = nodes
        .filter_map(|node| Some((node, node.mode()?)))
        .collect();
    let leads = modes.iter().any(|(_, mode)| mode == "leader");
    let (last, _) = modes.last()?;
    (leads && modes.len() >= 2).then_some(*last)
}
