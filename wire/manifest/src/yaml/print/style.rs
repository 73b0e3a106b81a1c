//! Which style and tag each dialect wishes for a scalar.

use std::borrow::Cow;

use super::super::resolve::{base64_encode, is_text};
use super::super::{Dialect, Value};
use super::number;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// A scalar as it is handed to the emitter.
pub(super) struct Scalar<'a> {
    pub tag: Option<&'static str>,
    pub text: Cow<'a, str>,
    pub style: Style,
}

/// The scalar for a value; `None` for collections.
pub(super) fn scalar(value: &Value, dialect: Dialect) -> Option<Scalar<'_>> {
    let plain = |text: Cow<'static, str>| Scalar {
        tag: None,
        text,
        style: Style::Plain,
    };
    Some(match value {
        Value::Null => plain(match dialect {
            Dialect::Go => "null".into(),
            Dialect::Ruby => "".into(),
        }),
        Value::Bool(value) => plain(if *value { "true" } else { "false" }.into()),
        Value::Int(value) => plain(value.to_string().into()),
        Value::Float(value) => plain(number::float(*value, dialect).into()),
        Value::String(text) => match dialect {
            Dialect::Go => go(text),
            Dialect::Ruby => ruby(text),
        },
        Value::Bytes(bytes) => binary(bytes, dialect),
        Value::Seq(_) | Value::Map(_) => return None,
    })
}

fn go(text: &str) -> Scalar<'_> {
    let style = if text.contains('\n') {
        Style::Literal
    } else if is_text(text, Dialect::Go) {
        Style::Plain
    } else {
        Style::Double
    };
    Scalar {
        tag: None,
        text: text.into(),
        style,
    }
}

fn ruby(text: &str) -> Scalar<'_> {
    let mut tag = None;
    let style = if breaks_inside(text) {
        Style::Literal
    } else if text == "<<" {
        tag = Some("!!str");
        Style::Single
    } else if matches!(text, "y" | "n") || starts_with_sign(text) {
        Style::Double
    } else if !is_text(text, Dialect::Ruby) || misleading(text) {
        Style::Single
    } else {
        Style::Plain
    };
    Scalar {
        tag,
        text: text.into(),
        style,
    }
}

/// `/\n(?!\Z)/`: a line break that is neither the last character nor the last but one before a final break.
fn breaks_inside(text: &str) -> bool {
    text.match_indices('\n')
        .any(|(at, _)| !matches!(&text[at + 1..], "" | "\n"))
}

/// `/^[^[:word:]][^"]*$/`: some line starts with a character that is no part of a word, and no double
/// quote stands between there and an end of line.
fn starts_with_sign(text: &str) -> bool {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    for start in starts {
        let Some(first) = text[start..].chars().next() else {
            continue;
        };
        if first.is_alphanumeric() || first == '_' {
            continue;
        }
        let rest = &text[start + first.len_utf8()..];
        match rest.find('"') {
            None => return true,
            Some(quote) if rest[..quote].contains('\n') => return true,
            Some(_) => {}
        }
    }
    false
}

/// Texts that would not be read as texts, or not everywhere: symbols, and `/\A0[0-7]*[89]/`.
fn misleading(text: &str) -> bool {
    let octal = text.starts_with('0')
        && text
            .trim_start_matches(|c| ('0'..='7').contains(&c))
            .starts_with(['8', '9']);
    octal || (text.starts_with(':') && text.len() > 1)
}

fn binary(bytes: &[u8], dialect: Dialect) -> Scalar<'static> {
    let text = base64_encode(bytes);
    match dialect {
        Dialect::Ruby => Scalar {
            tag: Some("!binary"),
            text: text.into(),
            style: Style::Literal,
        },
        Dialect::Go => {
            const LINE: usize = 70;
            let style = if text.len() > LINE {
                Style::Literal
            } else {
                Style::Plain
            };
            let mut lines = String::with_capacity(text.len() + text.len() / LINE);
            for line in text.as_bytes().chunks(LINE) {
                lines.extend(line.iter().map(|&byte| char::from(byte)));
                if style == Style::Literal {
                    lines.push('\n');
                }
            }
            Scalar {
                tag: Some("!!binary"),
                text: lines.into(),
                style,
            }
        }
    }
}
