//! Files and names of the name server: records, aliases, handlers, resolv.conf, and names asked for.
//!
//! The input is one file; each of its lines is a name as well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_dns::zone::alias::Aliases;
use warren_dns::zone::{Zone, address_of};
use warren_dns::{ADDRESS, handlers, resolv_conf};
use warren_wire_agent::dns::Records;

fuzz_target!(|data: &[u8]| {
    let records = Records::parse(data).ok();
    let mut aliases = Aliases::default();
    let _ = aliases.add_file(data);
    let _ = handlers::parse(data);
    let zone = Zone::new(records.as_ref(), aliases);
    let text = String::from_utf8_lossy(data);
    let with = resolv_conf::with_first(&text, ADDRESS).unwrap_or_else(|| text.to_string());
    assert_eq!(resolv_conf::with_first(&with, ADDRESS), None);
    assert_eq!(
        resolv_conf::servers(&with, ADDRESS),
        resolv_conf::servers(&text, ADDRESS)
    );
    for name in text.lines().chain(text.split('"')).take(200) {
        let _ = zone.root_of(name);
        let _ = zone.resolve(name);
        let _ = address_of(name);
    }
});
