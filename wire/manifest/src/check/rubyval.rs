//! How Ruby 3.3 names and shows a value in messages.

use crate::yaml::{Dialect, Mapping, Value, parse, to_ruby};

/// The class, as in messages.
pub(crate) fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "NilClass",
        Value::Bool(true) => "TrueClass",
        Value::Bool(false) => "FalseClass",
        Value::Int(_) => "Integer",
        Value::Float(_) => "Float",
        Value::String(_) | Value::Bytes(_) => "String",
        Value::Seq(_) => "Array",
        Value::Map(_) => "Hash",
    }
}

/// `value.inspect`: `{"a"=>[1, nil]}`.
pub fn inspect(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::String(text) => quoted(text),
        Value::Bytes(bytes) => quoted(&String::from_utf8_lossy(bytes)),
        Value::Seq(items) => {
            format!(
                "[{}]",
                items.iter().map(inspect).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Map(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}=>{}", inspect(key), inspect(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Float(number) if number.is_nan() => "NaN".to_owned(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned(),
        other => to_ruby(other).trim_end().to_owned(),
    }
}

/// `value.to_s`, as in interpolated texts.
pub fn to_s(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => inspect(other),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            // Only what would be replaced if the text were evaluated.
            '#' if chars.peek().is_some_and(|next| "{$@".contains(*next)) => out.push_str("\\#"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => {
                out.push_str(&format!("\\x{:02X}", c as u32))
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Reads what an endpoint was sent as a manifest or config: YAML, not empty, a mapping.
pub fn read_manifest(text: &str, what: &str) -> Result<Mapping, super::Invalid> {
    match parse(text, Dialect::Ruby) {
        Err(error) => super::refuse!(
            BadManifest,
            "Incorrect YAML structure of the uploaded {what}: {error}"
        ),
        Ok(Value::Null) => super::refuse!(BadManifest, "Manifest should not be empty"),
        Ok(Value::Map(map)) => Ok(map),
        Ok(_) => super::refuse!(BadManifest, "Manifest should be a hash"),
    }
}
