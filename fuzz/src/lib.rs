//! What several targets need: reading a value back from its own text, and archives out of few bytes.

pub mod archive;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What reads as JSON is written and read again as the same.
pub fn json_again<T: Serialize + DeserializeOwned + PartialEq>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    let text = serde_json::to_vec(&value).expect("what was read can be written");
    let again: T = serde_json::from_slice(&text).expect("what was written can be read");
    assert!(again == value, "{}", String::from_utf8_lossy(&text));
    Some(value)
}

/// The input in two: where to cut is its first two bytes, what is cut the rest.
pub fn cut(input: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (at, whole) = input.split_first_chunk::<2>()?;
    let at = usize::from(u16::from_le_bytes(*at)) % (whole.len() + 1);
    let (first, second) = whole.split_at(at);
    Some((whole, first, second))
}
