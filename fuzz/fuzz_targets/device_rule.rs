//! A device rule in the text of cgroup v1; what is read writes the same text again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_devicefilter::DeviceRule;

fuzz_target!(|text: &str| {
    let Ok(rule) = DeviceRule::parse_v1(true, text) else {
        return;
    };
    let canonical = rule.v1_text();
    let again = DeviceRule::parse_v1(true, &canonical).expect("what was written reads");
    assert_eq!(again, rule, "{text:?} became {canonical:?}");
});
