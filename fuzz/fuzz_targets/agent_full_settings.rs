//! An agent's settings, and what a director sends to change them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_agent::settings::{Settings, UpdateSettings, effective_mbus};

fuzz_target!(|data: &[u8]| {
    if let Ok(settings) = Settings::parse(data) {
        let _ = (settings.default_ip(), settings.name_servers());
        let _ = effective_mbus(&settings, &UpdateSettings::parse(data).unwrap_or_default());
    }
});
