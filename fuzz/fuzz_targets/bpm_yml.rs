//! A job's configuration: whatever is read is checked without a
//! panic, and its names and quantities are total.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_bpm::{Config, id, quantity, volume};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = quantity::bytes(&text);
    let _ = volume::parse(&text);
    if let Some(name) = id::decode(&text) {
        assert_eq!(id::encode(&name), text);
    }
    let Ok(config) = Config::parse(bytes) else {
        return;
    };
    let _ = config.check("job");
    for process in &config.processes {
        assert!(config.process(&process.name).is_some());
        let _ = process.limits.memory.as_deref().map(quantity::bytes);
    }
});
