//! `stemcell.MF`: what is accepted can be written, and is the same then.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_release::StemcellManifest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = StemcellManifest::parse(bytes)
        && let Ok(text) = manifest.to_yaml()
    {
        let again = StemcellManifest::parse(text.as_bytes()).expect(&text);
        assert_eq!((again.name, again.version), (manifest.name, manifest.version));
    }
});
