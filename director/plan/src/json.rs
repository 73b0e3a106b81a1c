//! From manifests to JSON, which is what rows, agents, CPIs and templates get.

use serde_json::{Map, Number, Value};
use warren_wire_manifest::yaml;

/// A value of a manifest. What JSON does not know becomes text: numbers beyond 64 bits, keys that
/// are no text, bytes that are none.
#[must_use]
pub fn from_manifest(value: &yaml::Value) -> Value {
    match value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => Value::Bool(*value),
        yaml::Value::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(number), _) => Value::from(number),
            (_, Ok(number)) => Value::from(number),
            _ => Value::from(value.to_string()),
        },
        yaml::Value::Float(value) => {
            Number::from_f64(*value).map_or_else(|| Value::from(value.to_string()), Value::Number)
        }
        yaml::Value::String(text) => Value::from(text.as_str()),
        yaml::Value::Bytes(bytes) => Value::from(String::from_utf8_lossy(bytes).into_owned()),
        yaml::Value::Seq(items) => items.iter().map(from_manifest).collect(),
        yaml::Value::Map(map) => Value::Object(from_mapping(map)),
    }
}

/// A mapping of a manifest.
#[must_use]
pub fn from_mapping(map: &yaml::Mapping) -> Map<String, Value> {
    map.iter()
        .map(|(key, value)| (warren_wire_manifest::check::to_s(key), from_manifest(value)))
        .collect()
}

/// The second over the first, mappings into each other.
#[must_use]
pub fn merged(mut under: Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    for (key, value) in over {
        under.insert(key.clone(), value.clone());
    }
    under
}

/// The same value with all keys sorted, for hashes and comparisons.
#[must_use]
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Value::Object(
                keys.into_iter()
                    .map(|key| (key.clone(), sorted(&map[key])))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
