//! How Go names and shows a value in messages: `%T` and `%v`.

use crate::yaml::{Value, go_float};

/// The type's name, as `%T` gives it for what `yaml.v2` decodes.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(value) if i64::try_from(*value).is_err() => "uint64",
        Value::Int(_) => "int",
        Value::Float(_) => "float64",
        Value::String(_) | Value::Bytes(_) => "string",
        Value::Seq(_) => "[]interface {}",
        Value::Map(_) => "map[interface {}]interface {}",
    }
}

/// The value, as `%v` gives it; keys of mappings are sorted by their text.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => go_float(*value, 21),
        Value::String(text) => text.clone(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Seq(items) => {
            format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
        }
        Value::Map(map) => {
            let mut pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}:{}", show(key), show(value)))
                .collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
    }
}
