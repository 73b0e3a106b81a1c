//! Psych as the judge: what it reads plain scalars as and how it prints values, recorded by
//! `fixtures/psych.rb`.
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read fails the test"
)]

use serde_json::Value as Json;
use warren_wire_manifest::yaml::{Dialect, Mapping, Value, parse, to_ruby};

fn fixture() -> Json {
    serde_json::from_str(include_str!("fixtures/psych.json")).unwrap()
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::from(value),
            None => Value::Float(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::Seq(items.iter().map(value).collect()),
        Json::Object(pairs) => {
            let mut map = Mapping::new();
            for (key, item) in pairs {
                map.insert(key.as_str(), value(item));
            }
            Value::Map(map)
        }
    }
}

fn check(wrong: Vec<String>, all: usize) {
    assert!(
        wrong.is_empty(),
        "{} of {all} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn plain_scalars_mean_what_they_mean_to_psych() {
    let fixture = fixture();
    let reads = fixture["reads"].as_array().unwrap();
    let mut wrong = Vec::new();
    for read in reads {
        let text = read[0].as_str().unwrap();
        let (kind, expected) = (read[1].as_str().unwrap(), read[2].as_str().unwrap());
        let got = match parse(&format!("k: {text}\n"), Dialect::Ruby) {
            Err(error) => ("error", error.to_string()),
            Ok(document) => match document.get("k").unwrap() {
                Value::Null => ("null", String::new()),
                Value::Bool(value) => ("bool", value.to_string()),
                Value::Int(value) => ("int", value.to_string()),
                Value::Float(value) => ("float", format!("{:016x}", value.to_bits())),
                Value::String(text) if kind == "symbol" => ("symbol", text.clone()),
                Value::String(text) => ("str", text.clone()),
                other => ("?", format!("{other:?}")),
            },
        };
        // Symbols are documented to be read as their text.
        if kind == "symbol" && got == ("symbol", text.to_owned()) {
            continue;
        }
        if got != (kind, expected.to_owned()) {
            wrong.push(format!("{text:?}: psych {kind} {expected:?}, here {got:?}"));
        }
    }
    check(wrong, reads.len());
}

#[test]
fn texts_are_printed_as_psych_prints_them() {
    let fixture = fixture();
    let prints = fixture["prints"].as_array().unwrap();
    let mut wrong = Vec::new();
    for print in prints {
        let (text, expected) = (print[0].as_str().unwrap(), print[1].as_str().unwrap());
        let mut map = Mapping::new();
        map.insert("k", text);
        let got = to_ruby(&Value::Map(map.clone()));
        if got != expected {
            wrong.push(format!("{text:?}: psych {expected:?}, here {got:?}"));
        }
        // YAML 1.1, in which is written, has a line break that 1.2, in which is read, has not.
        if !text.contains('\u{2028}') && parse(&got, Dialect::Ruby) != Ok(Value::Map(map)) {
            wrong.push(format!("{text:?} is not read back from {got:?}"));
        }
    }
    check(wrong, prints.len());
}

#[test]
fn trees_are_printed_as_psych_prints_them() {
    let fixture = fixture();
    let trees = fixture["trees"].as_array().unwrap();
    let mut wrong = Vec::new();
    for tree in trees {
        let (tree, expected) = (value(&tree[0]), tree[1].as_str().unwrap());
        let got = to_ruby(&tree);
        if got != expected {
            wrong.push(format!("{tree:?}: psych {expected:?}, here {got:?}"));
        }
    }
    check(wrong, trees.len());
}
