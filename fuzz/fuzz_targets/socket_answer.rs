//! Answers of socket diagnosis, alone and in datagrams of several.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_cgroup::fuzz::socket_answer;
use warren_sys_netlink::split;

fuzz_target!(|bytes: &[u8]| {
    let _ = socket_answer(bytes);
    for message in split(bytes).unwrap_or_default() {
        let _ = socket_answer(&message.payload);
    }
});
