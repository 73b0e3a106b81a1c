//! Messages of nftables as a listing or a monitor reads them.
//! First byte: `NFT_MSG_*`; the rest: family header and attributes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_netlink::Message;
use warren_sys_nft::{Change, fuzz};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, payload)) = bytes.split_first() else {
        return;
    };
    let message = Message {
        kind: 0x0a00 | u16::from(*kind),
        flags: 0,
        seq: 0,
        port: 0,
        payload: payload.to_vec(),
    };
    let Ok(change) = fuzz::change(*kind, &message) else {
        return;
    };
    let _ = change.table();
    match &change {
        Change::NewRule(listed) | Change::DelRule(listed) => _ = listed.rule.to_string(),
        Change::NewSet(listed) | Change::DelSet(listed) => _ = listed.set.key_type.to_string(),
        _ => _ = format!("{change:?}"),
    }
});
