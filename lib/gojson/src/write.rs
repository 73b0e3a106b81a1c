//! Writing: compact JSON with Go's additional escapes.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::JsonError;

/// Compact output that escapes what Go's encoder escapes for HTML's sake.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let mut done = 0;
        for (at, character) in fragment.char_indices() {
            let escape: &[u8] = match character {
                '<' => b"\\u003c",
                '>' => b"\\u003e",
                '&' => b"\\u0026",
                '\u{2028}' => b"\\u2028",
                '\u{2029}' => b"\\u2029",
                _ => continue,
            };
            writer.write_all(&fragment.as_bytes()[done..at])?;
            writer.write_all(escape)?;
            done = at + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[done..])
    }
}

pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, JsonError> {
    let mut bytes = Vec::with_capacity(128);
    let mut serializer = Serializer::with_formatter(&mut bytes, GoFormatter);
    value.serialize(&mut serializer).map_err(JsonError::Write)?;
    Ok(bytes)
}
