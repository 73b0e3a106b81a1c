//! Reading and writing in Go's dialect, bounds and errors. Ruby's has a judge of its own in `tests/psych.rs`.

use proptest::prelude::*;

use super::{Dialect, MAX_DEPTH, Mapping, Value, YamlError, parse, to_go, to_ruby};

fn go(text: &str) -> Value {
    parse(text, Dialect::Go).unwrap()
}

fn again(text: &str) -> String {
    to_go(&go(text))
}

#[test]
fn go_scalars() {
    for (text, expected) in [
        ("9223372036854775807", Value::Int(i64::MAX.into())),
        ("18446744073709551615", Value::Int(u64::MAX.into())),
        ("18446744073709551616", Value::Float(18446744073709551616.0)),
        ("-9223372036854775809", Value::Float(-9223372036854775809.0)),
        ("0b11", Value::Int(3)),
        ("-0b11", Value::Int(-3)),
        ("0o17", Value::Int(15)),
        ("1:30", "1:30".into()),
        ("1.", Value::Float(1.0)),
        (".5", Value::Float(0.5)),
        (".", ".".into()),
        ("..", "..".into()),
        ("+1", Value::Int(1)),
        ("1e3", Value::Float(1000.0)),
        ("2026-01-02", "2026-01-02".into()),
        ("=", "=".into()),
        ("yEs", "yEs".into()),
    ] {
        assert_eq!(
            go(&format!("[{text}]")),
            Value::Seq(vec![expected]),
            "{text}"
        );
    }
}

#[test]
fn go_numbers_are_written_in_the_shortest_way() {
    assert_eq!(
        again("[1e6, 123456.5, 1e-5, 0.0001, 1e300, -0.0, .nan, -.inf]"),
        "- 1e+06\n- 123456.5\n- 1e-05\n- 0.0001\n- 1e+300\n- -0\n- .nan\n- -.inf\n"
    );
}

#[test]
fn go_quotes_what_it_would_not_read_as_text() {
    for text in [
        "1",
        "true",
        "null",
        "~",
        "",
        "1:30",
        "2026-01-02",
        "2026-1-2 10:00:00",
        "0x1f",
        "y",
        "<<",
    ] {
        let written = to_go(&Value::from(text));
        assert!(written.starts_with('"'), "{text:?}: {written}");
        assert_eq!(go(&written), Value::from(text));
    }
    for text in [
        "z1",
        "1.2.3",
        "10.0.0.0/24",
        "2026-13-02",
        "a b",
        "((x))",
        "-x",
        "08a",
    ] {
        assert_eq!(to_go(&Value::from(text)), format!("{text}\n"));
    }
    for text in ["#a", "a: b", "- a", "{a", "@a", " a"] {
        assert_eq!(to_go(&Value::from(text)), format!("'{text}'\n"));
    }
}

#[test]
fn go_sorts_keys_naturally() {
    assert_eq!(
        again("{b10: 1, b9: 1, a: 1, 10: 1, 2: 1, true: 1, b: 1, B: 1, b01: 1, b1: 1}"),
        "true: 1\n2: 1\n10: 1\nB: 1\na: 1\nb: 1\nb1: 1\nb01: 1\nb9: 1\nb10: 1\n"
    );
}

#[test]
fn long_texts_are_folded_and_long_keys_marked() {
    let words = "word ".repeat(30);
    let text = again(&format!("k: \"{}\"", words.trim_end()));
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.len() <= 86), "{text}");
    let key = "k".repeat(129);
    assert_eq!(again(&format!("? {key}\n: 1")), format!("? {key}\n: 1\n"));
}

#[test]
fn anchors_and_merges() {
    assert_eq!(again("a: &a [1]\nb: *a"), "a:\n- 1\nb:\n- 1\n");
    assert_eq!(
        again("a: &a {p: 1}\nb: {<<: *a, q: 2}"),
        "a:\n  p: 1\nb:\n  p: 1\n  q: 2\n"
    );
    // The first of a list wins, and a merge overwrites what stands before it.
    assert_eq!(again("a: {p: 0, <<: [{p: 1}, {p: 2}]}"), "a:\n  p: 1\n");
    let ruby = parse("a: {p: 0, <<: [{p: 1}, {p: 2}]}", Dialect::Ruby).unwrap();
    assert_eq!(to_ruby(&ruby), "a:\n  p: 2\n");
    assert!(matches!(
        parse("<<: 1", Dialect::Go),
        Err(YamlError::BadNode(_))
    ));
    assert!(parse("&a [*a]", Dialect::Go).is_err());
    assert!(parse("*a", Dialect::Go).is_err());
}

#[test]
fn binary_that_is_no_text_survives() {
    let value = go("!!binary /w==");
    assert_eq!(value, Value::Bytes(vec![0xff]));
    assert_eq!(to_go(&value), "!!binary /w==\n");
    let long = Value::Seq(vec![Value::Bytes(vec![0xff; 100])]);
    assert_eq!(go(&to_go(&long)), long);
    assert_eq!(parse(&to_ruby(&long), Dialect::Ruby), Ok(long.clone()));
    assert!(parse("!!binary $", Dialect::Go).is_err());
}

/// The grammar comes as events, so that nothing is read behind the level at which reading ends: no
/// bound on open brackets is needed before, which would count those in texts as well.
#[test]
fn brackets_are_read_no_further_than_the_depth() {
    for bomb in ["[", "{a: ", "[\"]\", ", "[']', ", "? [", "&a [", "[a: "] {
        for dialect in [Dialect::Go, Dialect::Ruby] {
            assert!(parse(&bomb.repeat(1 << 20), dialect).is_err(), "{bomb}");
        }
    }
    let text = format!("a: |\n  {}\n", "x[{ ".repeat(9000));
    assert!(parse(&text, Dialect::Go).is_ok());
}

#[test]
fn depth_and_aliases_are_bounded() {
    let deep = "- ".repeat(MAX_DEPTH + 2);
    assert_eq!(
        parse(&deep, Dialect::Go),
        Err(YamlError::TooDeep(MAX_DEPTH))
    );
    assert!(parse(&"[".repeat(100_000), Dialect::Ruby).is_err());
    let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for at in 1..12 {
        let uses = vec![format!("*a{}", at - 1); 10].join(",");
        laughs.push_str(&format!("a{at}: &a{at} [{uses}]\n"));
    }
    assert_eq!(
        parse(&laughs, Dialect::Go),
        Err(YamlError::ExcessiveAliasing)
    );
}

#[test]
fn errors_are_worded_by_dialect() {
    let error = |text, dialect| parse(text, dialect).unwrap_err().to_string();
    assert_eq!(
        error("a: [1\n", Dialect::Go),
        "yaml: line 1: did not find expected ',' or ']'"
    );
    assert_eq!(
        error("{a: [}", Dialect::Ruby),
        "(<unknown>): did not find expected node content while parsing a node at line 1 column 6"
    );
    assert_eq!(
        error("a: b: c", Dialect::Go),
        "yaml: mapping values are not allowed in this context"
    );
    assert_eq!(
        error("a: 2026-01-02", Dialect::Ruby),
        "Tried to load unspecified class: Date"
    );
}

/// Any value, as far as both dialects can write it.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("one bit pattern", |value| !value.is_nan())
            .prop_map(Value::Float),
        "[ -~]{0,12}".prop_map(Value::from),
        "[a-z0-9:.#'\" \n\t-]{0,100}".prop_map(Value::from),
        any::<String>().prop_map(|text| Value::from(
            text.replace(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'], "")
        )),
    ];
    // Two keys that are written alike would become one.
    let key = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9:.#'\" \n\t-]{0,20}".prop_map(Value::from),
        "[a-z]{140,150}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Seq),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Map(pairs.into_iter().collect::<Mapping>())),
        ]
    })
}

/// A float without fraction is written as Go writes it, which reads as an integer.
fn as_go_reads(value: &Value) -> Value {
    match value {
        Value::Float(number) => go(&to_go(&Value::Float(*number))),
        Value::Seq(items) => Value::Seq(items.iter().map(as_go_reads).collect()),
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (as_go_reads(key), as_go_reads(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn what_go_writes_is_read_again(value in any_value()) {
        let text = to_go(&value);
        prop_assert_eq!(go(&text), as_go_reads(&value), "{}", text);
    }

    #[test]
    fn what_ruby_writes_is_read_again(value in any_value()) {
        let text = to_ruby(&value);
        let read = parse(&text, Dialect::Ruby);
        prop_assert_eq!(read, Ok(value), "{}", text);
    }

    #[test]
    fn junk_is_read_or_refused(text in any::<String>(), yaml in "[-\\[\\]{}:, a1'\"&*!|>?#%\n\t<~]{0,40}") {
        for text in [text, yaml] {
            for dialect in [Dialect::Go, Dialect::Ruby] {
                if let Ok(value) = parse(&text, dialect) {
                    let _ = (to_go(&value), to_ruby(&value));
                }
            }
        }
    }
}
