//! `release.MF`: what is accepted is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_release::ReleaseManifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = ReleaseManifest::parse(bytes) {
        let text = manifest.to_yaml();
        assert_eq!(ReleaseManifest::parse(text.as_bytes()).expect(&text), manifest);
    }
});
