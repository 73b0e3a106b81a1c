//! `config.ini` of a Garden server, and what the server makes of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_garden_server::Config;
use warren_wire_garden::config::ini::Ini;
use warren_wire_garden::config::{FLAGS, Settings};

fuzz_target!(|text: &str| {
    let Ok(ini) = Ini::parse(text) else { return };
    let Ok(settings) = Settings::from_ini(&ini) else {
        return;
    };
    for flag in FLAGS {
        let _ = (settings.values(flag.name), settings.text(flag.name));
    }
    let _ = Config::from_settings(&settings);
});
