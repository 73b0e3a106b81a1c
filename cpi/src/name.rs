//! Ids that this CPI gives, and which texts may be one: each is part of a path on the host.

use std::fs::File;
use std::io::Read;

use serde_json::{Map, Value};

use crate::Error;

/// The longest id that is looked for; a file's name with room for a suffix.
const LONGEST: usize = 128;

/// A new id: a random UUID.
pub(crate) fn fresh() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::host("read", "/dev/urandom"))?;
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) | (0x4 << 76);
    let number = number & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let mut id = String::with_capacity(36);
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    Ok(id)
}

/// The id of what a call is to make: what its context says, or a new one. A caller that may die before it hears
/// the id says what it shall be, and can ask for such a thing later. Stock directors say nothing.
pub(crate) fn wanted(context: &Map<String, Value>, key: &str) -> Result<String, Error> {
    match context.get(key).and_then(Value::as_str) {
        Some(wanted) if is_id(wanted) => Ok(wanted.to_owned()),
        Some(wanted) => Err(Error::Value(format!(
            "{key}: '{}' cannot be an id",
            wanted.escape_default()
        ))),
        None => fresh(),
    }
}

/// Whether this can be an id: what cannot is unknown, never a path.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_4() {
        let (one, other) = (fresh().unwrap(), fresh().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert!(is_id(&one));
    }

    #[test]
    fn paths_are_no_ids() {
        for text in ["", "..", "a/b", ".x", "a b", "a\nb", "é", &"x".repeat(129)] {
            assert!(!is_id(text), "{text:?}");
        }
    }
}
