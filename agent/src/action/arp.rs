//! `delete_arp_entries`: forgets where addresses were, after VMs have moved.

use std::net::IpAddr;

use warren_wire_agent::method::arguments::ArpEntries;

use super::{Outcome, nothing};
use crate::process::tool;
use crate::say;

pub(super) fn run(entries: &ArpEntries) -> Outcome {
    for text in &entries.ips {
        let Ok(address) = text.parse::<IpAddr>() else {
            say!("arp", "{text:?} is no address");
            continue;
        };
        // Nobody waits for the answer, and an address that is not known is none to forget.
        if let Err(error) = tool("ip", &["neigh", "flush", "to", &address.to_string()]) {
            say!("arp", "{}", warren_lib_errchain::chain(&error));
        }
    }
    nothing()
}
