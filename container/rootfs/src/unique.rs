//! Names that no other process and no earlier run of this one has taken.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Process id, time and a counter.
pub(crate) fn name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.map_or(0, |since| since.as_nanos());
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{nanoseconds:x}-{count}", std::process::id())
}

/// Whether a file's name ends in a dot and such a name: it was to be put into place, and nobody reads it
/// before. Times have 15 digits since 2006, so that no version number looks like one.
pub(crate) fn is_at_the_end_of(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let parts: Vec<&str> = ending.split('-').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match parts[..] {
        [process, time, count] => {
            let is_time = time.len() >= 15 && time.bytes().all(|b| b.is_ascii_hexdigit());
            is_number(process) && is_time && is_number(count)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_making_are_told_from_others() {
        assert!(is_at_the_end_of(&format!("kept.{}", name())));
        assert!(is_at_the_end_of(&format!("1.2.{}", name())));
        let bare = name();
        for other in [
            &*bare,
            "",
            "kept",
            "app-1.2-3-4",
            "a.1-18a3c0ffee00000x-1",
            "a.1-18a3c0ffee000000-",
            "a.1-18a3c0ffee000000-1-1",
        ] {
            assert!(!is_at_the_end_of(other), "{other}");
        }
    }
}
