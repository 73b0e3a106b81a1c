//! JSON as Ruby's `inspect` writes it, which stock puts into the description of an ssh task.

use std::fmt::Write as _;

use serde_json::Value;

/// `{"ids"=>["0"], "job"=>"web"}`.
pub(crate) fn inspect(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("nil"),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (place, (key, item)) in map.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                // A text alone is quoted alike in both languages, but for a few rare characters.
                let _ = write!(out, "{}=>", Value::from(key.as_str()));
                write(out, item);
            }
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn is_as_recorded() {
        let target = json!({"ids": ["0"], "indexes": ["0"], "job": "zookeeper"});
        assert_eq!(
            super::inspect(&target),
            "{\"ids\"=>[\"0\"], \"indexes\"=>[\"0\"], \"job\"=>\"zookeeper\"}"
        );
        assert_eq!(super::inspect(&json!([null, true, 1])), "[nil, true, 1]");
    }
}
