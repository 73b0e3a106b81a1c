//! Links, addresses and routes out of the kernel's answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_network::link::{addresses, links, routes};
use warren_sys_netlink::split;

fuzz_target!(|datagram: &[u8]| {
    let Ok(messages) = split(datagram) else {
        return;
    };
    let _ = (links(&messages), addresses(&messages), routes(&messages));
});
