//! JSON with the habits of Go's `encoding/json`, on both sides.
//!
//! Stock servers and clients are written in Go, so its habits are the wire:
//!
//! | habit | reading | writing |
//! |---|---|---|
//! | keys | any ASCII case, the last one wins, unknown ones are skipped | as spelled in the types |
//! | `null` | the zero value of whatever stands there | lists and maps that Go leaves nil |
//! | text | invalid UTF-8 and lone surrogates become U+FFFD | `<`, `>`, `&`, U+2028 and U+2029 are escaped |
//! | after the value | ignored | one newline |
//!
//! Numbers are strict: a fraction, an exponent, or a value out of the field's
//! range is an error.

mod read;
mod surrogate;
#[cfg(test)]
mod tests;
mod write;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a JSON text could not be read into a type, or a type not be written.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The text is not JSON.
    #[error("not JSON")]
    Syntax(#[source] serde_json::Error),
    /// The text is JSON of another shape.
    #[error("JSON of an unexpected shape: {0}")]
    Shape(String),
    /// The value has no JSON form.
    #[error("value cannot be written as JSON")]
    Write(#[source] serde_json::Error),
}

/// Reads the first JSON value in `bytes`; what follows it is ignored.
///
/// # Errors
///
/// [`JsonError::Syntax`] when there is no JSON value at the start (an empty
/// body included), [`JsonError::Shape`] when it does not fit `T`.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    read::decode(bytes)
}

/// Writes `value` as one JSON text followed by a newline.
///
/// # Errors
///
/// [`JsonError::Write`] when the value has no JSON form, such as a map with
/// keys that are not text; no type of this crate is of that kind.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    let mut bytes = encode_bare(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes `value` as one JSON text without a newline.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_bare<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    write::encode(value)
}

/// Reads a JSON tree into a type with the same rules.
///
/// # Errors
///
/// [`JsonError::Shape`] when it does not fit `T`.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, JsonError> {
    read::from_value(value)
}
