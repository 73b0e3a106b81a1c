//! Answers of systemd: any bytes give a message or an error, and what it holds can be asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_systemd::message::{decode, length};

fuzz_target!(|bytes: &[u8]| {
    if let Some(prefix) = bytes.first_chunk() {
        let _ = length(prefix);
    }
    if let Ok(message) = decode(bytes) {
        let _ = message.text();
        let _ = message.boolean();
    }
});
