//! `cpu.pressure` and its like.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_cgroup::pressure::Pressure;

fuzz_target!(|text: &str| {
    let Some(pressure) = Pressure::parse(text) else {
        return;
    };
    for stall in std::iter::once(pressure.some).chain(pressure.full) {
        assert!(stall.avg10.is_finite() && stall.avg60.is_finite() && stall.avg300.is_finite());
    }
});
