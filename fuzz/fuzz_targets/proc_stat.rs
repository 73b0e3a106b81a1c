//! What `/proc` and pidfiles say of processes, which choose their own names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_supervisor::procfs::{Process, parse_pid};

fuzz_target!(|bytes: &[u8]| {
    assert!(parse_pid(bytes).is_none_or(|pid| pid > 0));
    let _ = Process::parse(&String::from_utf8_lossy(bytes));
});
