//! YAML in and out.
//!
//! In: bytes of a bounded length, decoded by a parser that bounds depth and aliases itself. A text
//! field takes a plain number as it is written (`1.10` stays `1.10`), as the command line does.
//! Out: what has a fixed form is written line by line, keys in the order that the command line
//! writes them, and any text that some YAML 1.1 reader could take for something else in quotes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use warren_lib_yaml::{TooDeep, check_open};

use crate::binary::with_plain_texts;

/// Most bytes of a document. The largest job spec known has 300 kB.
pub const MOST_BYTES: usize = 4 << 20;

/// Bytes that are not the document they should be.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// More than any such document has.
    #[error("it has {length} bytes; {MOST_BYTES} is the limit")]
    TooLong {
        /// How many.
        length: usize,
    },
    /// Nested more deeply than any such document.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
    /// No text.
    #[error("it is not UTF-8")]
    NotText(#[source] std::str::Utf8Error),
    /// No YAML, or not of the form it should have.
    #[error("it is malformed")]
    Malformed(#[source] yaml_serde::Error),
}

/// Reads a document.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, YamlError> {
    if bytes.len() > MOST_BYTES {
        return Err(YamlError::TooLong {
            length: bytes.len(),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(YamlError::NotText)?;
    check_open(bytes)?;
    yaml_serde::from_str(&with_plain_texts(text)).map_err(YamlError::Malformed)
}

/// Reads a document that may be empty.
pub(crate) fn read_or_default<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, YamlError> {
    read::<Option<T>>(bytes).map(Option::unwrap_or_default)
}

/// A field that may be absent or null.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A text as one word or between double quotes.
pub fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(character),
            other if u32::from(other) < 0x100 => {
                out.push_str(&format!("\\x{:02x}", u32::from(other)));
            }
            other if u32::from(other) < 0x1_0000 => {
                out.push_str(&format!("\\u{:04x}", u32::from(other)));
            }
            other => out.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    out.push('"');
    out
}

/// Whether every reader takes it for a text as it stands.
fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let starts = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+./:".contains(&byte);
    starts
        && text.bytes().all(is_good)
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
        && !looks_like_a_number(text)
}

/// Also what only YAML 1.1 takes for a number: `0x1f`, `1_000`, `1:30`, `0o17`, `2026-01-01`.
fn looks_like_a_number(text: &str) -> bool {
    let is_digit_first = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit());
    if !is_digit_first {
        return false;
    }
    let has_base = ["0x", "0X", "0o", "0b", "0B"]
        .iter()
        .any(|base| text.starts_with(base));
    let mut exponents = 0;
    let is_numeric = text.bytes().all(|byte| {
        exponents += usize::from(matches!(byte, b'e' | b'E'));
        byte.is_ascii_digit() || b"_.:-+eE".contains(&byte)
    });
    has_base || (is_numeric && exponents <= 1)
}

/// `KEY: VALUE` on a line of its own.
pub(crate) fn line(out: &mut String, indent: &str, key: &str, value: &str) {
    out.push_str(&format!("{indent}{key}: {}\n", quoted(value)));
}

/// A list of texts below a key.
pub(crate) fn list(out: &mut String, indent: &str, key: &str, values: &[String]) {
    if values.is_empty() {
        out.push_str(&format!("{indent}{key}: []\n"));
        return;
    }
    out.push_str(&format!("{indent}{key}:\n"));
    for value in values {
        out.push_str(&format!("{indent}- {}\n", quoted(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_others_take_for_something_else_is_quoted() {
        for text in [
            "",
            "1",
            "0123",
            "1.10",
            "1e5",
            "12e3",
            "0x1f",
            "1_000",
            "1:30",
            "yes",
            "No",
            "~",
            "null",
            "2026-01-01",
            "a: b",
            "-",
            "- a",
            "#",
            "a #b",
            "é",
            "a\nb",
            "!x",
            "a:",
        ] {
            assert!(quoted(text).starts_with('"'), "{text:?}");
        }
        for text in [
            "web",
            "0e1e2",
            "9f86d081",
            "sha256:9f86",
            "0+dev.1a",
            "ubuntu-noble/1.2",
        ] {
            assert_eq!(quoted(text), text);
        }
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{},", level - 1).repeat(10);
            text += &format!("a{level}: &a{level} [{before}]\n");
        }
        assert!(read::<yaml_serde::Value>(text.as_bytes()).is_err());
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = "[".repeat(MOST_BYTES);
        let error = read::<yaml_serde::Value>(deep.as_bytes()).unwrap_err();
        assert!(matches!(error, YamlError::TooDeep(_)), "{error}");
        let deep = [
            "[".repeat(warren_lib_yaml::MOST_OPEN),
            "a, ".repeat(100_000),
        ]
        .concat();
        assert!(read::<yaml_serde::Value>(deep.as_bytes()).is_err());
        let deep = "[\"]\", ".repeat(MOST_BYTES / 6);
        let error = read::<yaml_serde::Value>(deep.as_bytes()).unwrap_err();
        assert!(matches!(error, YamlError::TooDeep(_)), "{error}");
        for deep in ["- ", "? ", "&a ", "!a "] {
            assert!(
                read::<yaml_serde::Value>(deep.repeat(200_000).as_bytes()).is_err(),
                "{deep}"
            );
        }
        let text = format!("a: |\n  {}\n", "x[{ ".repeat(200));
        assert!(read::<yaml_serde::Value>(text.as_bytes()).is_ok());
        let long = vec![b'a'; MOST_BYTES + 1];
        assert!(matches!(
            read::<String>(&long),
            Err(YamlError::TooLong { .. })
        ));
        assert!(matches!(
            read::<String>(&[0xff]),
            Err(YamlError::NotText(_))
        ));
    }

    proptest! {
        #[test]
        fn texts_come_back(text in "\\PC{0,40}|[0-9a-fxoe_:.+-]{0,12}|.{0,20}") {
            let document = format!("- {}\n", quoted(&text));
            prop_assert_eq!(read::<Vec<String>>(document.as_bytes()).unwrap(), vec![text]);
        }
    }
}
