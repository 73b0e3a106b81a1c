//! Ids of blobs, which become names of files.

use sha1::{Digest, Sha1};

/// The longest name that every file system takes.
const LONGEST: usize = 200;

/// Whether a text may name a file: letters, digits, `-`, `_` and `.`, not hidden.
pub(crate) fn is_valid(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= LONGEST
        && !id.starts_with('.')
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The directory that a blob is in.
pub(crate) fn prefix(id: &str) -> String {
    let digest = Sha1::digest(id.as_bytes());
    format!("{:02x}", digest[0])
}

/// A new random id, as RFC 9562 version 4.
pub(crate) fn random() -> Result<String, rustix::io::Errno> {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        filled +=
            rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_names_are_ids() {
        for good in ["a", "23822964-061f-4e4f-400c-23f478f23c6d", "A_b.c"] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a b",
            "a\0b",
            "\u{e9}",
            &"x".repeat(201),
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
        assert!(is_valid(&random().unwrap()));
        assert_eq!(prefix("abc"), "a9");
    }
}
