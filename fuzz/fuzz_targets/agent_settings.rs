//! The agent's `settings.json`, alone and with `update_settings.json`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_firewall::settings::endpoints;

fuzz_target!(|text: &str| {
    let _ = endpoints(text, None);
    let (settings, update) = text.split_once('\n').unwrap_or((text, text));
    let _ = endpoints(settings, Some(update));
});
