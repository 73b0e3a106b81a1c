//! Texts of messages: digests, base64, mails of a supervisor.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_agent::digest::MultiDigest;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(digest) = MultiDigest::parse(text) {
        let _ = digest.strongest().to_string();
    }
    let _ = warren_wire_agent::base64::decode(text);
    let _ = warren_wire_agent::alert::Mail::parse(text).alert(&[], 0);
});
