//! Documents of the director as YAML, in the stock command line's style: sorted keys, texts folded at
//! column 80.

use serde_json::Value as Json;
use warren_wire_manifest::yaml::{Mapping, Value, to_go};

/// The document as it stands in a cell of a table.
pub fn of(document: &Json) -> String {
    to_go(&value(document)).trim_end().to_owned()
}

fn value(document: &Json) -> Value {
    match document {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => number.as_i128().map_or_else(
            || Value::Float(number.as_f64().unwrap_or_default()),
            Value::Int,
        ),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(items) => Value::Seq(items.iter().map(value).collect()),
        Json::Object(entries) => {
            let mut mapping = Mapping::default();
            for (key, entry) in entries {
                mapping.insert(key.as_str(), value(entry));
            }
            Value::Map(mapping)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn documents() {
        let document = json!({"b": [1, 2.5, "yes"], "a": null, "c": {"d": true, "e": {}}});
        let text = "a: null\nb:\n- 1\n- 2.5\n- \"yes\"\nc:\n  d: true\n  e: {}";
        assert_eq!(of(&document), text);
    }
}
