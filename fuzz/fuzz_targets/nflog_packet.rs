//! Logged packets out of the kernel's messages, and where they come from and go to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_netlink::split;
use warren_sys_nft::Flow;
use warren_sys_nft::fuzz::logged;

fuzz_target!(|datagram: &[u8]| {
    if let Some(flow) = Flow::parse(datagram) {
        let _ = flow.to_string();
    }
    for message in split(datagram).unwrap_or_default() {
        if let Ok(Some(packet)) = logged(&message) {
            let _ = packet.flow.map(|flow| flow.to_string());
        }
    }
});
