//! Handles of containers and ids of processes, as names of directories.

use sha2::{Digest, Sha256};

/// The longest handle that is its own directory's name, in bytes.
const LONGEST: usize = 200;
const HASHED: &str = "sha256-";

/// The directory's name.
///
/// Different handles have different names: one that looks like a hash is hashed itself.
pub(crate) fn of(handle: &str) -> String {
    let plain = !handle.is_empty()
        && handle.len() <= LONGEST
        && !handle.starts_with('.')
        && !handle.starts_with(HASHED)
        && !handle.contains(['/', '\0']);
    if plain {
        return handle.to_owned();
    }
    let mut name = HASHED.to_owned();
    for byte in Sha256::digest(handle) {
        name.push_str(&format!("{byte:02x}"));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_handles_are_themselves_and_odd_ones_are_hashed() {
        for plain in ["a", "3f0e-77", "a b", "é", &"x".repeat(200)] {
            assert_eq!(of(plain), plain);
        }
        let odd = [
            "",
            ".",
            "..",
            ".a",
            "a/b",
            "../a",
            "a\0b",
            "sha256-0",
            &"x".repeat(201),
        ];
        let mut names: Vec<String> = odd.iter().map(|handle| of(handle)).collect();
        for name in &names {
            assert!(name.starts_with(HASHED) && name.len() == 71, "{name}");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), odd.len());
        // A known one (the hash of nothing).
        assert!(
            of("").ends_with("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        );
    }
}
