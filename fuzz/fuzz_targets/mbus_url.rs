//! An mbus URL; an endpoint that was read reads the same from its own text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_firewall::endpoint::Mbus;

fuzz_target!(|text: &str| {
    let Ok(Mbus::Nats(endpoint)) = text.parse::<Mbus>() else {
        return;
    };
    let shown = endpoint.to_string();
    assert!(shown.len() <= 120 && endpoint.port != 0, "{shown:?}");
    assert_eq!(shown.parse(), Ok(Mbus::Nats(endpoint)));
});
