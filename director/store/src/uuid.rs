//! Random ids, as RFC 9562 version 4.

use std::fmt::Write as _;

use rustix::rand::{GetRandomFlags, getrandom};

/// A new random id, such as `3d9f2b9c-...`.
///
/// # Panics
/// Never in practice: only if the kernel has no randomness to give, which it waits for.
#[must_use]
pub fn new() -> String {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        if let Ok(count) = getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            filled += count;
        }
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_the_shape_of_version_4() {
        let one = super::new();
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(one, super::new());
    }
}
