//! The log of an external runtime.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_runtime::engine::external::messages;

fuzz_target!(|bytes: &[u8]| {
    let found = messages(bytes);
    for text in found.errors.iter().chain(&found.warnings) {
        assert!(!text.is_empty() && text.len() <= 2 << 10);
    }
});
