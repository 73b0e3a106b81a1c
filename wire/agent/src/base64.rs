//! Base64 as Ruby writes it (a newline after every 60 characters) and as Go writes it (none).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A text that is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64")]
pub struct NotBase64;

/// Writes bytes as base64 in one line.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .zip([16, 8, 0])
            .fold(0u32, |word, (byte, shift)| {
                word | (u32::from(*byte) << shift)
            });
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            if index <= group.len() {
                text.push(char::from(ALPHABET[((word >> shift) & 0x3f) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// Reads base64; line ends anywhere are skipped.
///
/// # Errors
///
/// [`NotBase64`] for a foreign character, a wrong length, or characters after the padding.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut digits, mut padding) = (0u32, 0u8, 0u8);
    for byte in text.bytes() {
        let digit = match byte {
            b'\n' | b'\r' => continue,
            b'=' if padding < 2 => {
                padding += 1;
                0
            }
            _ if padding > 0 => return Err(NotBase64),
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(NotBase64),
        };
        word = (word << 6) | u32::from(digit);
        digits += 1;
        if digits == 4 {
            let [_, whole @ ..] = word.to_be_bytes();
            out.extend_from_slice(&whole[..3 - usize::from(padding)]);
            (word, digits) = (0, 0);
        }
    }
    if digits == 0 { Ok(out) } else { Err(NotBase64) }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use proptest::prelude::*;

    #[test]
    fn vectors_of_the_rfc_and_newlines() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).unwrap(), plain.as_bytes());
        }
        assert_eq!(decode("Zm9v\nYmFy\n").unwrap(), b"foobar");
        for bad in ["Zg", "Zg=", "Zg==Zg==", "Zm-_", "Z===", "====", "Zg=a"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn any_text_gives_an_answer(text in ".*") {
            let _ = decode(&text);
        }
    }
}
