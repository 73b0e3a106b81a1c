//! Percent-encoding with the rules of Go's `net/url` for query strings.
//!
//! The stock router decodes path segments with these rules as well, so `+` is a
//! space in a path too.

/// Decodes `%XX` and `+`.
///
/// Nothing comes back for a broken escape, or when the bytes are not UTF-8.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.bytes();
    while let Some(byte) = left.next() {
        bytes.push(match byte {
            b'%' => hex(left.next()?)? << 4 | hex(left.next()?)?,
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Encodes for a query string: a space becomes `+`.
#[must_use]
pub fn encode_query(text: &str) -> String {
    encode(text, "+")
}

/// Encodes one path segment, so that every decoder finds the same text: a
/// space becomes `%20`, a slash `%2F`, a plus `%2B`.
#[must_use]
pub fn encode_segment(text: &str) -> String {
    encode(text, "%20")
}

fn encode(text: &str, space: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push_str(space),
            other => {
                out.push('%');
                for digit in [other >> 4, other & 0xf] {
                    out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                }
            }
        }
    }
    out
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::{decode, encode_query, encode_segment};
    use proptest::prelude::*;

    #[test]
    fn as_go_does() {
        assert_eq!(decode("a+b%2Fc%2b").unwrap(), "a b/c+");
        assert_eq!(encode_query("a b/c+~"), "a+b%2Fc%2B~");
        assert_eq!(encode_segment("a b/c+~"), "a%20b%2Fc%2B~");
        assert_eq!(decode("%C3%A4").unwrap(), "ä");
        for bad in ["%", "%2", "%zz", "%2%", "%FF"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(text in ".*") {
            prop_assert_eq!(decode(&encode_query(&text)), Some(text.clone()));
            prop_assert_eq!(decode(&encode_segment(&text)), Some(text));
        }

        #[test]
        fn any_text_gives_an_answer(text in "[%+0-9a-fA-Fxyz]*") {
            let _ = decode(&text);
        }
    }
}
