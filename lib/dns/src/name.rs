//! Names: as text in lower case without the last dot, and as labels.

use std::fmt::Write;

/// Most bytes that a name has as labels.
const MOST: usize = 255;

/// Reads a name that holds no pointer; the answer is its text and where it ends. Bytes that are no
/// graphic ASCII, dots inside labels and backslashes stand as `\DDD`, so that they are equal to
/// nothing that is written without them.
pub(crate) fn read(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (begin, mut text) = (at, String::new());
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((text, at));
        }
        if length > 63 || at + length - begin >= MOST {
            return None;
        }
        if !text.is_empty() {
            text.push('.');
        }
        for byte in bytes.get(at..at + length)? {
            if byte.is_ascii_graphic() && !matches!(byte, b'.' | b'\\') {
                text.push(byte.to_ascii_lowercase().into());
            } else {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\{byte:03}");
            }
        }
        at += length;
    }
}

/// Where a name ends that may end with a pointer.
pub(crate) fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *bytes.get(at)?;
        match length {
            0 => return Some(at + 1),
            1..=63 => at += 1 + usize::from(length),
            // The second byte of the pointer must be there.
            192.. => return bytes.get(at + 1).map(|_| at + 2),
            _ => return None,
        }
    }
}

/// A name as labels, from text with or without the last dot; none if it cannot be one.
#[must_use]
pub fn encode(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len() + 2);
    if !text.is_empty() {
        for label in text.split('.') {
            let length = u8::try_from(label.len())
                .ok()
                .filter(|n| (1..=63).contains(n))?;
            bytes.push(length);
            bytes.extend_from_slice(label.as_bytes());
        }
    }
    bytes.push(0);
    (bytes.len() <= MOST).then_some(bytes)
}
