//! Names of tasks and blobs: random UUIDs (RFC 9562, version 4).

use std::fmt::Write;

use rustix::rand::{GetRandomFlags, getrandom};

/// A new one.
#[must_use]
pub fn uuid() -> String {
    let mut bytes = [0u8; 16];
    // The call fails only before the kernel's generator is ready and when not waited for it.
    while !matches!(getrandom(&mut bytes[..], GetRandomFlags::empty()), Ok(16)) {}
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn shape() {
        let one = uuid();
        assert_eq!((one.len(), &one[14..15]), (36, "4"));
        assert_ne!(one, uuid());
    }
}
