//! Versions are in one order, whatever they look like.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_release::{MultiDigest, Version, Wanted};

fuzz_target!(|text: &str| {
    let _ = text.parse::<MultiDigest>();
    let lines: Vec<&str> = text.lines().take(4).collect();
    let _ = Wanted::new(lines.first().unwrap_or(&"")).choose(lines.iter().copied());
    let versions: Vec<Version> = lines.iter().filter_map(|line| line.parse().ok()).collect();
    for a in &versions {
        assert_eq!(a.to_string().parse::<Version>().expect("shown"), *a);
        for b in &versions {
            assert_eq!(a.cmp(b), b.cmp(a).reverse());
            for c in &versions {
                assert!(!(a <= b && b <= c) || a <= c);
            }
        }
    }
});
