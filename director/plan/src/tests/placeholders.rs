//! `((variables))`, as the director reads them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::placeholders::{Name, PlaceholderError, Values, collect, replace};

fn values() -> Values {
    [
        ("a".to_owned(), json!("text")),
        ("n".to_owned(), json!(5)),
        ("cert".to_owned(), json!({"ca": "CA", "deep": {"er": [1]}})),
        ("/abs/x".to_owned(), json!(true)),
    ]
    .into_iter()
    .collect()
}

#[test]
fn are_replaced_with_their_type_or_as_text() {
    for (given, expected) in [
        (json!("((a))"), json!("text")),
        (json!("((!a))"), json!("text")),
        (json!("((n))"), json!(5)),
        (json!("x((n))y((a))"), json!("x5ytext")),
        (json!("((cert))"), json!({"ca": "CA", "deep": {"er": [1]}})),
        (json!("((cert.deep.er))"), json!([1])),
        (json!("((/abs/x))"), json!(true)),
        (json!({"((a))": ["((n))"]}), json!({"text": [5]})),
        (json!("(( a ))"), json!("(( a ))")),
        (json!("((("), json!("(((")),
        (json!("(((a))"), json!("(text")),
        (json!("((a"), json!("((a")),
        (json!(1.5), json!(1.5)),
    ] {
        assert_eq!(replace(&given, &values()), Ok(expected), "{given}");
    }
}

#[test]
fn all_that_is_wrong_is_told_once() {
    let errors = replace(
        &json!(["((no))", "((no))", "x((cert))", "((cert.no))", "((a/))"]),
        &values(),
    )
    .unwrap_err();
    assert_eq!(
        errors,
        [
            PlaceholderError::Missing("no".to_owned()),
            PlaceholderError::Embedded {
                name: "cert".to_owned()
            },
            PlaceholderError::Key {
                name: "cert.no".to_owned(),
                parent: "cert".to_owned(),
                key: "no".to_owned(),
            },
            PlaceholderError::Name("a/".to_owned()),
        ]
    );
}

#[test]
fn names_are_collected() {
    let mut names = BTreeSet::new();
    collect(
        &json!({"((k))": "((a.b))((/x/y.z))", "l": ["((a))"]}),
        &mut names,
    )
    .unwrap();
    let roots: BTreeSet<&str> = names.iter().map(|name| name.root.as_str()).collect();
    assert_eq!(roots, BTreeSet::from(["k", "a", "/x/y"]));
    let name = Name::parse("a.b").unwrap();
    assert_eq!(name.absolute("d", "e"), "/d/e/a");
    assert_eq!(Name::parse("/x/y.z").unwrap().absolute("d", "e"), "/x/y");
    for bad in ["", "!", "a//b", "a/", "x.y/z", "a..b", ".a", "a.", "a b"] {
        assert!(Name::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_is_taken(text in ".{0,40}") {
        let value = Value::String(text);
        let mut names = BTreeSet::new();
        let _ = collect(&value, &mut names);
        let _ = replace(&value, &values());
    }

    #[test]
    fn text_without_parentheses_stays(text in "[^()]{0,40}") {
        let value = Value::String(text);
        prop_assert_eq!(replace(&value, &values()), Ok(value));
    }
}
