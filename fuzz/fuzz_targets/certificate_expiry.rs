//! When a certificate ends: DER inside of PEM.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_director_variables::expiry;

fuzz_target!(|body: &str| {
    let _ = expiry(body);
    // Most inputs have no frame, so they get one.
    let text = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    if let Some(end) = expiry(&text) {
        // The years of four digits.
        assert!((-62_167_219_200..=253_402_300_799).contains(&end));
    }
});
