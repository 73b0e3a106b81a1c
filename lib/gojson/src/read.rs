//! Reading: a deserializer over a JSON tree that forgives what Go forgives.
//!
//! The tree is built first (its depth is limited by the JSON parser), so that a
//! key that occurs twice keeps its last value. Then, wherever a type is asked
//! for and `null` stands, the type's zero value is given, and keys of a struct
//! are matched without regard to ASCII case.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::{JsonError, surrogate};

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    let text = String::from_utf8_lossy(bytes);
    let text = surrogate::mend(&text);
    let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let value = match stream.next() {
        Some(value) => value.map_err(JsonError::Syntax)?,
        None => {
            return Err(JsonError::Syntax(<serde_json::Error as de::Error>::custom(
                "no value before the end of the text",
            )));
        }
    };
    from_value(value)
}

pub(super) fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, JsonError> {
    T::deserialize(Tree(value)).map_err(|Shape(message)| JsonError::Shape(message))
}

/// One value that does not fit, in words.
#[derive(Debug)]
struct Shape(String);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Shape {}

impl de::Error for Shape {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A JSON value to be read with Go's rules.
struct Tree(Value);

impl Tree {
    fn unexpected(&self, wanted: &str) -> Shape {
        // Names the kind only: the value itself may be a secret.
        let kind = match &self.0 {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        Shape(format!("found {kind}, expected {wanted}"))
    }

    fn unsigned(&self) -> Result<u64, Shape> {
        match &self.0 {
            Value::Null => Ok(0),
            Value::Number(number) => number
                .as_u64()
                .ok_or_else(|| Shape(format!("{number} is no unsigned integer of 64 bits"))),
            _ => Err(self.unexpected("an unsigned integer")),
        }
    }

    fn signed(&self) -> Result<i64, Shape> {
        match &self.0 {
            Value::Null => Ok(0),
            Value::Number(number) => number
                .as_i64()
                .ok_or_else(|| Shape(format!("{number} is no integer of 64 bits"))),
            _ => Err(self.unexpected("an integer")),
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $by:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
            visitor.$visit(self.$by()?)
        }
    )+};
}

impl<'de> de::Deserializer<'de> for Tree {
    type Error = Shape;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => {
                if let Some(value) = number.as_u64() {
                    visitor.visit_u64(value)
                } else if let Some(value) = number.as_i64() {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or_default())
                }
            }
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            Value::Object(entries) => visitor.visit_map(Entries::new(entries)),
        }
    }

    integers! {
        deserialize_u8 visit_u64 unsigned,
        deserialize_u16 visit_u64 unsigned,
        deserialize_u32 visit_u64 unsigned,
        deserialize_u64 visit_u64 unsigned,
        deserialize_i8 visit_i64 signed,
        deserialize_i16 visit_i64 signed,
        deserialize_i32 visit_i64 signed,
        deserialize_i64 visit_i64 signed,
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.0 {
            Value::Null => visitor.visit_bool(false),
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(self.unexpected("a boolean")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.0 {
            Value::Null => visitor.visit_string(String::new()),
            Value::String(text) => visitor.visit_string(text),
            _ => Err(self.unexpected("a string")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            value => visitor.visit_some(Tree(value)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Shape> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.0 {
            Value::Null => visitor.visit_seq(Items(Vec::new().into_iter())),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            _ => Err(self.unexpected("an array")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        match self.0 {
            Value::Null => visitor.visit_map(Entries::new(Map::new())),
            Value::Object(entries) => visitor.visit_map(Entries::new(entries)),
            _ => Err(self.unexpected("an object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Shape> {
        match self.0 {
            Value::Null => visitor.visit_map(Entries::new(Map::new())),
            Value::Object(entries) => visitor.visit_map(Entries::new(spelled(entries, fields))),
            _ => Err(self.unexpected("an object")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Shape> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
    }
}

/// Keeps the entries of known fields, under the field's own spelling. `null` is
/// left out, which is how Go leaves a field as it was.
fn spelled(entries: Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let mut known = Map::new();
    for (key, value) in entries {
        let exact = fields.iter().find(|field| **field == key);
        let field = exact.or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(&key)));
        if let Some(field) = field
            && !value.is_null()
        {
            known.insert((*field).to_owned(), value);
        }
    }
    known
}

/// The elements of an array.
struct Items(std::vec::IntoIter<Value>);

impl<'de> de::SeqAccess<'de> for Items {
    type Error = Shape;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Shape> {
        self.0
            .next()
            .map(|value| seed.deserialize(Tree(value)))
            .transpose()
    }
}

/// The entries of an object.
struct Entries {
    left: serde_json::map::IntoIter,
    value: Option<(String, Value)>,
}

impl Entries {
    fn new(entries: Map<String, Value>) -> Self {
        Self {
            left: entries.into_iter(),
            value: None,
        }
    }
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = Shape;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Shape> {
        let Some((key, value)) = self.left.next() else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Shape> = key.as_str().into_deserializer();
        let read = seed.deserialize(name)?;
        self.value = Some((key, value));
        Ok(Some(read))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Shape> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| Shape("value asked for before its key".to_owned()))?;
        seed.deserialize(Tree(value))
            .map_err(|Shape(message)| Shape(format!("{key}: {message}")))
    }
}
