//! The habits of Go's JSON, one by one, and junk.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{JsonError, decode, encode, encode_bare, from_value};

#[derive(Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Sample {
    some_name: String,
    #[serde(rename = "HostIP")]
    host_ip: String,
    small: u8,
    signed: i64,
    flag: bool,
    list: Vec<String>,
    map: BTreeMap<String, String>,
    maybe: Option<u32>,
    inner: Option<Box<Sample>>,
}

fn read(text: &str) -> Sample {
    decode(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn null_is_the_zero_value_everywhere() {
    let all_null = r#"{"some_name":null,"HostIP":null,"small":null,"signed":null,"flag":null,
        "list":null,"map":null,"maybe":null,"inner":null}"#;
    assert_eq!(read(all_null), Sample::default());
    assert_eq!(read("null"), Sample::default());
    assert_eq!(read(r#"{"list":["a",null]}"#).list, ["a", ""]);
    assert_eq!(read(r#"{"map":{"k":null}}"#).map["k"], "");
}

#[test]
fn keys_are_found_in_any_case() {
    let sample = read(r#"{"SOME_NAME":"x","hostip":"1","Small":7}"#);
    assert_eq!(sample.some_name, "x");
    assert_eq!(sample.host_ip, "1");
    assert_eq!(sample.small, 7);
}

#[test]
fn map_keys_keep_their_case() {
    let map = read(r#"{"map":{"Key":"1","key":"2"}}"#).map;
    assert_eq!(map.len(), 2);
}

#[test]
fn unknown_keys_are_skipped_and_the_last_of_a_key_wins() {
    let sample = read(r#"{"nope":{"deep":[1,{}]},"small":1,"small":2}"#);
    assert_eq!(sample.small, 2);
}

#[test]
fn what_follows_the_value_does_not_count() {
    assert_eq!(read("  {\"small\":3} trailing").small, 3);
    let number: u64 = decode(b"5\n").unwrap();
    assert_eq!(number, 5);
}

#[test]
fn invalid_utf8_becomes_the_replacement_character() {
    let sample: Sample = decode(b"{\"some_name\":\"a\xffb\"}").unwrap();
    assert_eq!(sample.some_name, "a\u{fffd}b");
}

#[test]
fn lone_surrogates_become_the_replacement_character() {
    for (json, text) in [
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\ude00x""#, "\u{fffd}x"),
        (r#""\uD83D\ud83d\uDE00""#, "\u{fffd}\u{1f600}"),
        (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#""\\ud83d\\""#, "\\ud83d\\"),
        (r#""ä\ud800ä\u00e4""#, "ä\u{fffd}ää"),
    ] {
        assert_eq!(decode::<String>(json.as_bytes()).unwrap(), text, "{json}");
    }
    for bad in ["\"\\ud83", "\"\\u\"", "\"\\ä\"", "\\"] {
        assert!(decode::<String>(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn numbers_are_strict() {
    for bad in [
        r#"{"small":256}"#,
        r#"{"small":-1}"#,
        r#"{"small":1.0}"#,
        r#"{"small":1e2}"#,
        r#"{"small":"1"}"#,
        r#"{"signed":9223372036854775808}"#,
        r#"{"flag":1}"#,
        r#"{"some_name":1}"#,
        r#"{"list":{}}"#,
        r#"{"map":[]}"#,
        "[]",
        "\"x\"",
    ] {
        let read = decode::<Sample>(bad.as_bytes());
        assert!(matches!(read, Err(JsonError::Shape(_))), "{bad}: {read:?}");
    }
    let edge = read(r#"{"signed":-9223372036854775808}"#);
    assert_eq!(edge.signed, i64::MIN);
}

#[test]
fn no_value_is_a_syntax_error() {
    for bad in ["", "   ", "{", "{\"a\"", "nul", "]", &"[".repeat(100_000)] {
        let read = decode::<Sample>(bad.as_bytes());
        assert!(matches!(read, Err(JsonError::Syntax(_))), "{read:?}");
    }
}

#[test]
fn a_shape_error_names_the_key_but_not_the_value() {
    let error = decode::<Sample>(br#"{"inner":{"flag":"secret"}}"#).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("inner: flag: "), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn writes_the_escapes_go_writes() {
    let text = "<a href='x'>&\u{2028}\u{2029}\"\\\n\t\u{1}\u{8}\u{c}\u{7f}ä";
    assert_eq!(
        String::from_utf8(encode_bare(text).unwrap()).unwrap(),
        "\"\\u003ca href='x'\\u003e\\u0026\\u2028\\u2029\\\"\\\\\\n\\t\\u0001\\b\\f\u{7f}ä\"",
    );
}

proptest! {
    #[test]
    fn text_round_trips(text in ".*") {
        let read: String = decode(&encode(&text).unwrap()).unwrap();
        prop_assert_eq!(read, text);
    }

    #[test]
    fn any_bytes_give_an_answer(bytes: Vec<u8>) {
        let _ = decode::<Sample>(&bytes);
        let _ = decode::<Vec<Sample>>(&bytes);
    }

    #[test]
    fn any_surrogates_give_text(text in "((\\\\u[dD][89aAcCfF0][0-9a-f]{2})|\\\\\\\\|\\\\n|ä|u){0,12}") {
        let read = decode::<String>(format!("\"{text}\"").as_bytes());
        prop_assert!(read.is_ok());
    }

    #[test]
    fn anything_like_json_gives_an_answer(text in "[\\[\\]{}\",:a-z0-9.\\\\ -]{0,60}") {
        let _ = decode::<Sample>(text.as_bytes());
    }
}

#[test]
fn a_tree_is_read_by_the_same_rules() {
    let sample: Sample = from_value(serde_json::json!({"SMALL": 3, "list": null})).unwrap();
    assert_eq!(sample.small, 3);
    assert!(from_value::<Sample>(serde_json::json!([])).is_err());
}
