//! `/etc/resolv.conf`, as far as the resolver uses it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resolv_conf::Config;

fuzz_target!(|bytes: &[u8]| {
    let (config, _) = Config::parse_with_errors(bytes);
    let _ = config.get_nameservers_or_local();
    let _ = config.get_last_search_or_domain().count();
});
