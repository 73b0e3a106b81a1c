//! Somebody who looks all the time whether most nodes of an ensemble of three live.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use warren_tests_harness::NetNs;

use crate::zookeeper::Node;

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// How often all were asked.
    pub rounds: usize,
    /// How often one did not live, which is no harm.
    pub one_down: usize,
    /// Nodes that did not live at the same time.
    pub too_many: Vec<[Ipv4Addr; 2]>,
}

/// Looks until it is over.
pub fn watch(net: &NetNs, addresses: &[Ipv4Addr], over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let lives = |address: Ipv4Addr| Node { net, address }.lives();
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
        seen.rounds += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    seen
}
