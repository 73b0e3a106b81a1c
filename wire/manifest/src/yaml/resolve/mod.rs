//! What an untagged plain text stands for, and what an explicit tag makes of one.

mod go;
mod number;
mod ruby;

pub(super) use number::{base64_decode, base64_encode};

use super::{Dialect, Value, YamlError};

/// The explicit core tags that ask for more than text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Explicit {
    Int,
    Float,
    Bool,
    Null,
}

/// The value of a plain scalar without tag.
pub(super) fn plain(text: &str, dialect: Dialect) -> Result<Value, YamlError> {
    match dialect {
        Dialect::Go => Ok(go::resolve(text)),
        Dialect::Ruby => ruby::resolve(text),
    }
}

/// Whether a text would be read back as that text if written plainly. Decides quoting.
pub(super) fn is_text(text: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Go => {
            go::resolve(text) == Value::from(text)
                && !go::is_timestamp(text)
                && !go::is_base60(text)
                && text != "<<"
        }
        Dialect::Ruby => matches!(ruby::resolve(text), Ok(Value::String(_))),
    }
}

/// The value of a scalar with a core tag.
pub(super) fn explicit(text: &str, tag: Explicit, dialect: Dialect) -> Result<Value, YamlError> {
    let value = plain(text, dialect)?;
    match (tag, value) {
        (Explicit::Int, value @ Value::Int(_)) => Ok(value),
        (Explicit::Float, value @ Value::Float(_)) => Ok(value),
        (Explicit::Float, Value::Int(value)) => Ok(Value::Float(value as f64)),
        (Explicit::Bool, value @ Value::Bool(_)) => Ok(value),
        (Explicit::Null, Value::Null) => Ok(Value::Null),
        (_, _) if dialect == Dialect::Ruby => Ok(Value::from(text)),
        (tag, _) => {
            let tag = match tag {
                Explicit::Int => "int",
                Explicit::Float => "float",
                Explicit::Bool => "bool",
                Explicit::Null => "null",
            };
            let text: String = text.chars().take(64).collect();
            Err(YamlError::BadNode(format!(
                "cannot decode !!str `{text}` as a !!{tag}"
            )))
        }
    }
}

/// The value of `!!binary`: text where it is UTF-8.
pub(super) fn binary(text: &str, dialect: Dialect) -> Result<Value, YamlError> {
    let Some(bytes) = base64_decode(text) else {
        return match dialect {
            Dialect::Go => Err(YamlError::BadNode(
                "!!binary value contains invalid base64 data".to_owned(),
            )),
            // Ruby's decoder skips what it does not know.
            Dialect::Ruby => Ok(Value::from(text)),
        };
    };
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Value::String(text),
        Err(error) => Value::Bytes(error.into_bytes()),
    })
}
