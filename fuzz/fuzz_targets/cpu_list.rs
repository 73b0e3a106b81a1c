//! Lists of processors and memory nodes, `0-2,5`: what is read is sorted and merged, and reads the
//! same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_cgroup::fuzz::cpu_list;

fuzz_target!(|text: &str| {
    let Some(ranges) = cpu_list(text) else {
        return;
    };
    assert!(ranges.iter().all(|(first, last)| first <= last));
    assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
    let written: Vec<String> = ranges
        .iter()
        .map(|(first, last)| format!("{first}-{last}"))
        .collect();
    assert_eq!(cpu_list(&written.join(",")), Some(ranges));
});
