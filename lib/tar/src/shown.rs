//! Names of entries, which are any bytes, for messages.

use std::fmt::Write as _;

/// Most bytes of a name that are shown.
const LONGEST: usize = 300;

/// A name for messages: what is not printable is escaped, what is endless is cut.
#[must_use]
pub fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for byte in path.iter().take(LONGEST) {
        match byte {
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printable_and_not_endless() {
        assert_eq!(shown(b"a b/~"), "a b/~");
        assert_eq!(shown(b"\x1b[31m\n\xff"), "\\x1b[31m\\x0a\\xff");
        assert_eq!(shown(&[b'x'; 4096]).len(), LONGEST);
        assert_eq!(shown(b""), "");
    }
}
