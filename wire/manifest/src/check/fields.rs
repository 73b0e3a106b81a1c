//! Keys of a mapping with a type and a bound, as the director's `safe_property` reads them.
//!
//! A number is taken where a text is wanted. A key that is there with null is not a missing key: null is
//! no text, so it is refused even where the key is optional.

use super::{Invalid, inspect, refuse};
use crate::yaml::{Mapping, Value};

/// A mapping that is being read; nothing at all counts as one without keys.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    map: Option<&'a Mapping>,
}

/// A type that a key can be asked for.
pub(crate) trait Want<'a>: Sized {
    /// Ruby's name of it.
    const NAME: &'static str;
    /// The value, if it is of this type.
    fn from_value(value: &'a Value) -> Option<Self>;
}

/// An integer.
pub(crate) struct Int(pub i128);

impl Want<'_> for Int {
    const NAME: &'static str = "Integer";
    fn from_value(value: &Value) -> Option<Int> {
        match value {
            Value::Int(value) => Some(Int(*value)),
            _ => None,
        }
    }
}

impl Want<'_> for bool {
    const NAME: &'static str = "boolean";
    fn from_value(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl Want<'_> for String {
    const NAME: &'static str = "String";
    fn from_value(value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Int(_) | Value::Float(_) => Some(inspect(value)),
            _ => None,
        }
    }
}

impl<'a> Want<'a> for &'a [Value] {
    const NAME: &'static str = "Array";
    fn from_value(value: &'a Value) -> Option<&'a [Value]> {
        value.as_seq()
    }
}

impl<'a> Want<'a> for &'a Mapping {
    const NAME: &'static str = "Hash";
    fn from_value(value: &'a Value) -> Option<&'a Mapping> {
        value.as_map()
    }
}

impl<'a> Fields<'a> {
    /// The keys of a value.
    pub(crate) fn of(value: &'a Value) -> Result<Fields<'a>, Invalid> {
        match value {
            Value::Map(map) => Ok(Fields { map: Some(map) }),
            Value::Null => Ok(Fields { map: None }),
            other => refuse!(
                ValidationInvalidType,
                "Object ({}) did not match the required type 'Hash'",
                inspect(other)
            ),
        }
    }

    pub(crate) fn of_map(map: &'a Mapping) -> Fields<'a> {
        Fields { map: Some(map) }
    }

    /// The value under a key, whatever it is.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.and_then(|map| map.get(key))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(crate) fn show(&self) -> String {
        self.map
            .map_or_else(|| "nil".to_owned(), |map| inspect(&Value::Map(map.clone())))
    }

    /// A key that must be there.
    pub(crate) fn required<T: Want<'a>>(&self, key: &str) -> Result<T, Invalid> {
        match self.optional(key)? {
            Some(value) => Ok(value),
            None => refuse!(
                ValidationMissingField,
                "Required property '{key}' was not specified in object ({})",
                self.show()
            ),
        }
    }

    /// A key that may be missing.
    pub(crate) fn optional<T: Want<'a>>(&self, key: &str) -> Result<Option<T>, Invalid> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match T::from_value(value) {
            Some(value) => Ok(Some(value)),
            None => refuse!(
                ValidationInvalidType,
                "Property '{key}' value ({}) did not match the required type '{}'",
                inspect(value),
                T::NAME
            ),
        }
    }

    /// A list, empty if missing.
    pub(crate) fn list(&self, key: &str) -> Result<&'a [Value], Invalid> {
        Ok(self.optional(key)?.unwrap_or(&[]))
    }

    /// A mapping, empty if missing.
    pub(crate) fn map(&self, key: &str) -> Result<Mapping, Invalid> {
        Ok(self.optional::<&Mapping>(key)?.cloned().unwrap_or_default())
    }

    /// An integer that must be there and have at least this size.
    pub(crate) fn at_least(&self, key: &str, min: i128) -> Result<i128, Invalid> {
        let Int(value) = self.required(key)?;
        if value < min {
            refuse!(
                ValidationViolatedMin,
                "'{key}' value ({value}) should be greater than {min}"
            );
        }
        Ok(value)
    }
}
