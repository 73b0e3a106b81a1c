//! What a CPI is given: its configuration, requests, and settings out of a machine. Whatever is read
//! goes through all that is decided before anything is done.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_cpi::{Config, networks, properties, read, settings};
use warren_wire_cpi::Call;

fuzz_target!(|bytes: &[u8]| {
    let _ = Config::parse(bytes);
    let _ = settings::from_archive(bytes);
    let _ = networks::name_servers(&String::from_utf8_lossy(bytes));
    let Ok(request) = read(bytes) else { return };
    match Call::parse(&request.method, request.arguments) {
        Ok(Call::CreateVm { agent_id, cloud_properties, mut networks, env, .. }) => {
            let _ = properties::read(&cloud_properties);
            networks::add_name_servers(&mut networks, || vec!["10.0.0.1".to_owned()]);
            if let Ok(wired) = networks::wired(&networks) {
                let _ = wired.to_garden();
            }
            let told = networks::for_agent(&networks);
            assert_eq!(told.len(), networks::for_director(&networks).len());
            let mut value = settings::new(&agent_id, "vm", ("nats://n", &[]), told, &env);
            settings::set_disk(&mut value, "disk", Some("/hint"));
            let archive = settings::archive_of_settings(&value).unwrap_or_default();
            assert_eq!(settings::from_archive(archive.as_slice()), Some(value));
        }
        Ok(Call::CalculateVmCloudProperties { requirements }) => {
            if let Ok(answer) = properties::of_size(&requirements) {
                let map = answer.as_object().cloned().unwrap_or_default();
                let _ = properties::read(&map);
            }
        }
        _ => {}
    }
});
