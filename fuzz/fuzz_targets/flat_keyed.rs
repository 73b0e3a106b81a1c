//! `memory.events`, `cpu.stat`, `cgroup.events`: a key and a number a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_cgroup::group::State;
use warren_sys_cgroup::stats::{FlatKeyed, MemoryEvents};

fuzz_target!(|text: &str| {
    let _ = (MemoryEvents::parse(text), State::parse(text));
    let flat = FlatKeyed::parse(text);
    for (key, value) in flat.iter() {
        assert_eq!(flat.get(key), Some(value));
    }
});
