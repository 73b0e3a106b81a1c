//! `cpu.pressure` and its like.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_cgroup::pressure::Pressure;

fuzz_target!(|text: &str| {
    let _ = Pressure::parse(text);
});
