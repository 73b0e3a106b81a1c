//! The JSON object that a request sends: what must be there, and of which type.
//!
//! Refusals have the codes of stock's own check of properties: 40000 another type, 40001 missing, 40002
//! too small. Text that is no JSON at all is 710001.

use serde_json::{Map, Value};

use crate::call::Call;
use crate::failure::Failure;

/// A JSON object of a request, or one inside of it.
#[derive(Debug)]
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// The body of a request.
    pub(crate) async fn of(call: &mut Call) -> Result<Self, Failure> {
        match call.json().await? {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(Failure::bad(40_000, "JSON object expected")),
        }
    }

    /// A value that must be there; null is not there.
    fn value(&self, name: &str) -> Result<&Value, Failure> {
        self.optional(name).ok_or_else(|| {
            let object = Value::Object(self.0.clone());
            let text = format!("Required property '{name}' was not specified in object ({object})");
            Failure::bad(40_001, text)
        })
    }

    fn optional(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that must be there and is not empty.
    pub(crate) fn text(&self, name: &str) -> Result<String, Failure> {
        let value = self.value(name)?;
        let text = text_of(name, value)?;
        if text.is_empty() {
            return Err(Failure::bad(
                40_002,
                format!("'{name}' length (0) should be greater than 1"),
            ));
        }
        Ok(text)
    }

    /// A text that may be missing; an empty one is.
    pub(crate) fn some_text(&self, name: &str) -> Result<Option<String>, Failure> {
        let text = self.optional(name).map(|value| text_of(name, value));
        Ok(text.transpose()?.filter(|text| !text.is_empty()))
    }

    /// A number that must be there and is at least one.
    pub(crate) fn positive(&self, name: &str) -> Result<u64, Failure> {
        let value = self.value(name)?;
        if !value.is_i64() && !value.is_u64() {
            return Err(wrong(name, value, "Integer"));
        }
        value.as_u64().filter(|number| *number > 0).ok_or_else(|| {
            Failure::bad(
                40_002,
                format!("'{name}' value ({value}) should be greater than 1"),
            )
        })
    }

    /// A yes or no that must be there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        let value = self.value(name)?;
        value.as_bool().ok_or_else(|| wrong(name, value, "Boolean"))
    }

    /// A yes or no that may be missing, which is no.
    pub(crate) fn some_flag(&self, name: &str) -> Result<bool, Failure> {
        match self.optional(name) {
            Some(_) => self.flag(name),
            None => Ok(false),
        }
    }

    /// An object that must be there.
    pub(crate) fn object(&self, name: &str) -> Result<Self, Failure> {
        object_of(name, self.value(name)?)
    }

    /// An object that may be missing.
    pub(crate) fn some_object(&self, name: &str) -> Result<Option<Self>, Failure> {
        let value = self.optional(name).map(|value| object_of(name, value));
        value.transpose()
    }

    /// A list of objects that may be missing, which is an empty one.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Self>, Failure> {
        let Some(value) = self.optional(name) else {
            return Ok(Vec::new());
        };
        let list = value
            .as_array()
            .ok_or_else(|| wrong(name, value, "Array"))?;
        list.iter().map(|one| object_of(name, one)).collect()
    }

    /// A list of texts that may be missing; numbers count as texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        let list = self.optional(name).map(|value| texts_of(name, value));
        list.transpose()
    }

    /// All names and values.
    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// The texts of a list; numbers count as texts.
pub(crate) fn texts_of(name: &str, value: &Value) -> Result<Vec<String>, Failure> {
    let list = value
        .as_array()
        .ok_or_else(|| wrong(name, value, "Array"))?;
    let text = |one: &Value| match one {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(wrong(name, other, "String")),
    };
    list.iter().map(text).collect()
}

fn text_of(name: &str, value: &Value) -> Result<String, Failure> {
    let text = value.as_str().ok_or_else(|| wrong(name, value, "String"))?;
    Ok(text.to_owned())
}

fn object_of(name: &str, value: &Value) -> Result<Body, Failure> {
    match value {
        Value::Object(map) => Ok(Body(map.clone())),
        other => Err(wrong(name, other, "Hash")),
    }
}

/// A value of another type than it must have.
pub(crate) fn wrong(name: &str, value: &Value, kind: &str) -> Failure {
    Failure::bad(
        40_000,
        format!("Property '{name}' value ({value}) did not match the required type '{kind}'"),
    )
}
