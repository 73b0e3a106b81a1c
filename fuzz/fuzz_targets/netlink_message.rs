//! Datagrams of netlink: messages, acknowledgements, attributes in attributes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_netlink::{Attributes, split};

/// Attributes nest only so deep in any protocol.
const DEEP: usize = 8;

fn walk(attributes: Attributes<'_>, depth: usize) {
    for attribute in attributes {
        let Ok(attribute) = attribute else { return };
        let _ = (
            attribute.u8(),
            attribute.u16(),
            attribute.u32(),
            attribute.u64(),
        );
        let _ = (attribute.be16(), attribute.be32(), attribute.be64());
        let _ = (
            attribute.ipv4(),
            attribute.ipv6(),
            attribute.str(),
            attribute.str_lossy(),
        );
        if depth < DEEP {
            walk(attribute.nested(), depth + 1);
        }
    }
}

fuzz_target!(|datagram: &[u8]| {
    walk(Attributes::new(datagram), 0);
    let Ok(messages) = split(datagram) else {
        return;
    };
    for message in &messages {
        let _ = message.status();
        walk(Attributes::new(&message.payload), 0);
        walk(
            Attributes::new(message.payload.get(4..).unwrap_or_default()),
            0,
        );
    }
});
