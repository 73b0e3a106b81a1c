//! `WWW-Authenticate` of registries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_registry::challenge::{Challenge, schemes};

fuzz_target!(|header: &str| {
    for (scheme, parameters) in schemes(header) {
        assert!(!scheme.is_empty());
        let length: usize = parameters
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert!(length <= header.len() * 3);
    }
    let _ = Challenge::find(header.split('\n'));
});
