//! Operations files: a list of definitions.

use super::error::{DefinitionError, OpsFileError};
use super::path::Path;
use super::{Kind, Op};
use crate::goval;
use crate::yaml::{Dialect, Mapping, Value, parse};

/// Reads a file's text. `name` is the file as the user gave it, for messages.
pub fn parse_file(text: &str, name: &str) -> Result<Vec<Op>, OpsFileError> {
    let wrong = |problem: String| OpsFileError::Deserialize {
        file: name.to_owned(),
        problem,
    };
    let value = parse(text, Dialect::Go).map_err(|error| wrong(error.to_string()))?;
    let items = match value {
        Value::Null => Vec::new(),
        Value::Seq(items) => items,
        other => return Err(wrong(unfit(&other, "[]patch.OpDefinition"))),
    };
    let mut ops = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let map = match item {
            Value::Map(map) => map,
            Value::Null => Mapping::new(),
            other => return Err(wrong(unfit(&other, "patch.OpDefinition"))),
        };
        let described = format!("operation [{at}] in {name} failed");
        let definition = Definition::read(map, described).map_err(wrong)?;
        ops.push(definition.op(at).map_err(OpsFileError::Definition)?);
    }
    Ok(ops)
}

fn unfit(value: &Value, wanted: &str) -> String {
    let tag = match value {
        Value::Null => "!!null",
        Value::Bool(_) => "!!bool",
        Value::Int(_) => "!!int",
        Value::Float(_) => "!!float",
        Value::String(_) => "!!str",
        Value::Bytes(_) => "!!binary",
        Value::Seq(_) => "!!seq",
        Value::Map(_) => "!!map",
    };
    let shown = match value {
        Value::Seq(_) | Value::Map(_) => String::new(),
        other => {
            let text = goval::show(other);
            let short: String = text.chars().take(7).collect();
            if text.chars().count() > 10 {
                format!(" `{short}...`")
            } else {
                format!(" `{text}`")
            }
        }
    };
    format!("yaml: unmarshal errors:\n  line 1: cannot unmarshal {tag}{shown} into {wanted}")
}

struct Definition {
    kind: String,
    path: Option<String>,
    value: Option<Value>,
    absent: Option<bool>,
    described: String,
}

impl Definition {
    fn read(mut map: Mapping, described: String) -> Result<Definition, String> {
        // A null is like a missing key: the library leaves its pointer empty.
        let mut take = |key: &str| map.remove(key).filter(|value| !value.is_null());
        let text = |value: Value| match value {
            Value::Seq(_) | Value::Map(_) => Err(unfit(&value, "string")),
            other => Ok(goval::show(&other)),
        };
        let absent = match take("absent") {
            None => None,
            Some(Value::Bool(absent)) => Some(absent),
            Some(other) => return Err(unfit(&other, "bool")),
        };
        Ok(Definition {
            kind: take("type").map_or(Ok(String::new()), text)?,
            path: take("path").map(text).transpose()?,
            value: take("value"),
            absent,
            described,
        })
    }

    fn op(self, at: usize) -> Result<Op, DefinitionError> {
        let shown = self.show();
        let operation = match self.kind.as_str() {
            "replace" => "Replace",
            "remove" => "Remove",
            "test" => "Test",
            other => {
                let what = format!("Unknown operation [{at}] with type '{other}'");
                return Err(DefinitionError { what, shown });
            }
        };
        let fail = |problem: &str| DefinitionError {
            what: format!("{operation} operation [{at}]: {problem}"),
            shown: shown.clone(),
        };
        let path = self.path.ok_or_else(|| fail("Missing path"))?;
        let kind = match (operation, self.value, self.absent) {
            ("Replace", Some(value), _) => Kind::Replace(value),
            ("Replace", None, _) => return Err(fail("Missing value")),
            ("Remove", None, _) => Kind::Remove,
            ("Remove", Some(_), _) => return Err(fail("Cannot specify value")),
            (_, _, Some(true)) => Kind::TestAbsent,
            (_, Some(value), _) => Kind::TestValue(value),
            (_, None, Some(false)) => Kind::TestValue(Value::Null),
            (_, None, None) => return Err(fail("Missing value or absent")),
        };
        let path: Path = path
            .parse()
            .map_err(|error| fail(&format!("Invalid path: {error}")))?;
        Ok(Op {
            kind,
            path,
            described: Some(self.described),
        })
    }

    /// The definition as indented JSON, without its value.
    fn show(&self) -> String {
        let mut fields = Vec::new();
        if !self.kind.is_empty() {
            fields.push(("Type", json(&self.kind)));
        }
        if let Some(path) = &self.path {
            fields.push(("Path", json(path)));
        }
        if self.value.is_some() {
            fields.push(("Value", json("<redacted>")));
        }
        if let Some(absent) = self.absent {
            fields.push(("Absent", absent.to_string()));
        }
        fields.push(("Error", json(&self.described)));
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("  \"{name}\": {value}"))
            .collect();
        format!("{{\n{}\n}}", fields.join(",\n"))
    }
}

/// A text in JSON as Go writes it, but for `<` and `>`, which `go-patch` turns back.
fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
