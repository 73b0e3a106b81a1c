//! Patterns of files in packages: any text and any path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_release::directory::Pattern;

fuzz_target!(|text: &str| {
    let (pattern, path) = text.split_once('\n').unwrap_or((text, "a/b"));
    if let Ok(pattern) = Pattern::new(pattern) {
        let _ = pattern.fits(path);
    }
});
