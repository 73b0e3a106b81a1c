//! A job's name from the path of its cgroup: whatever is found is a valid name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_firewall::jobs::{check_name, name_from_path};

fuzz_target!(|path: &str| {
    if let Some(name) = name_from_path(path) {
        assert_eq!(check_name(&name), Ok(()));
        assert!(path.contains(&name));
    }
});
