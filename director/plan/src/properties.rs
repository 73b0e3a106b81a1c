//! A job sees the properties that its spec declares, and nothing else.

use serde_json::{Map, Value};
use warren_wire_release::JobSpec;

use crate::Error;

/// The declared properties of a job out of what the manifest gives it: by dotted path, the spec's
/// default where there is nothing or null. Keys of what is built are sorted.
///
/// # Errors
/// Code 40000 (a value on the way that is no mapping).
pub fn declared(spec: &JobSpec, given: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let mut properties = Map::new();
    for (name, property) in &spec.properties {
        let default = || {
            property
                .default
                .as_ref()
                .and_then(|value| serde_json::to_value(value).ok())
                .unwrap_or(Value::Null)
        };
        let value = match lookup(given, name)? {
            None | Some(Value::Null) => default(),
            Some(value) => value.clone(),
        };
        insert(&mut properties, name, crate::json::sorted(&value));
    }
    Ok(properties)
}

/// The value at a dotted path.
///
/// # Errors
/// Code 40000.
pub fn lookup<'v>(given: &'v Map<String, Value>, path: &str) -> Result<Option<&'v Value>, Error> {
    let mut at = given;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let Some(value) = at.get(part) else {
            return Ok(None);
        };
        if parts.peek().is_none() {
            return Ok(Some(value));
        }
        at = match value {
            Value::Object(map) => map,
            Value::Null => return Ok(None),
            other => {
                return Err(Error::new(
                    40_000,
                    format!(
                        "Property '{path}' expects a hash, but received '{}'",
                        class(other)
                    ),
                ));
            }
        };
    }
    Ok(None)
}

/// Puts a value at a dotted path. What stands in the way and is no mapping gives way to one: null, as that
/// is a property without a value; or a default of another property that templates could not ask for either
/// then.
pub(crate) fn insert(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            into.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let entry = into
                .entry(first.to_owned())
                .or_insert_with(|| Value::Object(Map::new()));
            // A property `a` beside `a.b`: the more exact one is what templates ask for.
            if !entry.is_object() {
                *entry = Value::Object(Map::new());
            }
            if let Value::Object(inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

/// Ruby's name of a value's type.
pub(crate) fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "NilClass",
        Value::Bool(true) => "TrueClass",
        Value::Bool(false) => "FalseClass",
        Value::Number(number) if number.is_f64() => "Float",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Hash",
    }
}
