//! Reading values as leniently as the stock tool does.
//!
//! | wanted | accepted |
//! |---|---|
//! | text | any scalar, as it is written; null is the empty text |
//! | boolean | those of YAML 1.2 and `yes`, `no`, `on`, `off`, `y`, `n` unquoted or quoted; null is no |
//! | number | an integer, or a float without a fraction; null is none |
//! | list, map | one, or null for an empty one |

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    maybe_text(from).map(Option::unwrap_or_default)
}

pub(crate) fn maybe_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    // To this type the parser gives every scalar as it is written.
    Option::deserialize(from)
}

pub(crate) fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let list: Vec<Option<String>> = or_default(from)?;
    Ok(list.into_iter().map(Option::unwrap_or_default).collect())
}

pub(crate) fn map<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let map: BTreeMap<String, Option<String>> = or_default(from)?;
    let plain = |(key, value): (String, Option<String>)| (key, value.unwrap_or_default());
    Ok(map.into_iter().map(plain).collect())
}

pub(crate) fn or_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A list; an element that is null is an empty one.
pub(crate) fn list<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    let list: Vec<Option<T>> = or_default(from)?;
    Ok(list.into_iter().map(Option::unwrap_or_default).collect())
}

pub(crate) fn boolean<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    struct Boolean;
    impl Visitor<'_> for Boolean {
        type Value = bool;
        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("a boolean")
        }
        fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }
        fn visit_unit<E: Error>(self) -> Result<bool, E> {
            Ok(false)
        }
        fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
            match value.to_ascii_lowercase().as_str() {
                "y" | "yes" | "on" | "true" => Ok(true),
                "n" | "no" | "off" | "false" => Ok(false),
                _ => Err(E::invalid_type(Unexpected::Str(value), &self)),
            }
        }
    }
    from.deserialize_any(Boolean)
}

pub(crate) fn signed<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    integer(from)?
        .map(|wide| {
            i64::try_from(wide).map_err(|_| D::Error::custom(format!("{wide} is out of range")))
        })
        .transpose()
}

pub(crate) fn unsigned<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    integer(from)?
        .map(|wide| {
            u64::try_from(wide).map_err(|_| D::Error::custom(format!("{wide} is out of range")))
        })
        .transpose()
}

/// An integer wide enough for both kinds.
fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i128>, D::Error> {
    struct Integer;
    impl Visitor<'_> for Integer {
        type Value = Option<i128>;
        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("an integer")
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
            Ok(Some(value.into()))
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
            Ok(Some(value.into()))
        }
        fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
            // The greatest number below which every integer is a float of its own.
            const EXACT: f64 = 9_007_199_254_740_992.0;
            if value.fract() != 0.0 || value.abs() > EXACT {
                return Err(E::invalid_type(Unexpected::Float(value), &self));
            }
            // Its decimal digits, which are all of it.
            format!("{value:.0}")
                .parse()
                .map(Some)
                .map_err(|_| E::invalid_type(Unexpected::Float(value), &self))
        }
    }
    from.deserialize_any(Integer)
}
