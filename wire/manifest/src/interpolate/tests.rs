//! Flags, sources and placeholders beyond the recorded runs.

use proptest::prelude::*;

use super::*;
use crate::yaml::{Dialect, parse};

fn yaml(text: &str) -> Value {
    parse(text, Dialect::Go).unwrap()
}

/// A store that makes `TYPE-NUMBER` for each definition, and remembers the options it was given.
#[derive(Default)]
struct Store {
    made: Vec<(String, Value)>,
}

impl Variables for Store {
    fn get(&mut self, definition: &Definition) -> Result<Option<Value>, SourceError> {
        if definition.kind == "broken" {
            return Err(SourceError(format!(
                "Generating variable '{}': no",
                definition.name
            )));
        }
        if definition.kind.is_empty() {
            return Ok(None);
        }
        self.made
            .push((definition.name.clone(), definition.options.clone()));
        Ok(Some(
            format!("{}-{}", definition.kind, self.made.len()).into(),
        ))
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn placeholders_of_a_text() {
    let names = |text| {
        placeholders(text)
            .iter()
            .map(|found| found.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names("((a))-((!b.c))-(( /d/é ))"), ["a", "b.c", "/d/é"]);
    assert_eq!(names("(((a)))((b"), ["a"]);
    assert_eq!(names("(()) ((  a)) ((a b)) (a) ((a) )"), Vec::<&str>::new());
    assert!(placeholders("(( a ))")[0].whole);
    assert!(!placeholders("((a)) ")[0].whole);
}

#[test]
fn definitions_are_made_in_order_with_their_options() {
    let document = yaml(
        "{variables: [{name: ca, type: c}, {name: leaf, type: c, options: {ca: ((ca))}}], x: ((leaf))}",
    );
    let mut store = Store::default();
    let got = evaluate(document, &[], &mut store, &Options::default()).unwrap();
    assert_eq!(yaml::to_go(&got), "variables: []\nx: c-2\n");
    assert_eq!(store.made[1].1, yaml("{ca: c-1}"));
}

#[test]
fn definitions_that_need_themselves_or_fail() {
    let run = |text: &str| {
        evaluate(yaml(text), &[], &mut Store::default(), &Options::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        run("variables: [{name: a, type: c, options: {x: ((b))}}, {name: b, type: c, options: {x: ((a))}}]"),
        "Getting all variables from variable definitions sections: Interpolating variable 'a' definition options: \
         Interpolating variable 'b' definition options: Detected recursion"
            .replace("options: Interpolating", "options: Finding variable 'b': Interpolating")
    );
    assert!(run("variables: [{name: a, type: broken}]").ends_with("Generating variable 'a': no"));
    assert!(run("variables: 1").contains("cannot unmarshal int"));
    assert!(run("variables: [1]").contains("cannot unmarshal int"));
}

#[test]
fn missing_names_inside_options_are_reported() {
    let options = Options {
        expect_all: true,
        ..Options::default()
    };
    let document = yaml("variables: [{name: leaf, type: c, options: {ca: ((nosuch))}}]");
    let error = evaluate(document, &[], &mut Store::default(), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "- Expected to find variables:\n    - nosuch"
    );
}

#[test]
fn keys_inside_values() {
    let mut values = StaticVariables::new();
    values.set("a.x.y", 1.into());
    values.set("a.x.z", 2.into());
    let got = evaluate(
        yaml("[((a.x)), 'v((a.x.z))']"),
        &[],
        &mut values,
        &Options::default(),
    );
    assert_eq!(yaml::to_go(&got.unwrap()), "- \"y\": 1\n  z: 2\n- v2\n");
    let error = evaluate(yaml("((a.q))"), &[], &mut values, &Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Finding variable 'a.q': Expected to find a map key 'q' for path '/q' (found map keys: 'x')"
    );
}

#[test]
fn flags() {
    assert_eq!(parse_flag("a=[1]").unwrap().1, yaml("[1]"));
    assert_eq!(parse_flag("a=b=c").unwrap(), ("a".to_owned(), "b=c".into()));
    assert_eq!(
        parse_flag("a=two\nlines\n").unwrap().1,
        "two\nlines\n".into()
    );
    assert_eq!(
        parse_flag("a").unwrap_err().to_string(),
        "Expected var 'a' to be in format 'name=value'"
    );
    assert_eq!(
        parse_flag("=1").unwrap_err().to_string(),
        "Expected var '=1' to specify non-empty name"
    );
    assert_eq!(
        parse_flag("a=").unwrap_err().to_string(),
        "Expected var 'a=' to specify non-empty value"
    );
    assert!(
        parse_flag("a=[1")
            .unwrap_err()
            .to_string()
            .starts_with("Deserializing variables 'a=[1': yaml: ")
    );
    assert_eq!(
        parse_file_flag("a=/f").unwrap(),
        ("a".to_owned(), "/f".to_owned())
    );
    assert!(parse_file_flag("a").is_err());
    assert_eq!(
        parse_env("T", [("T_a", "1"), ("U_b", "2"), ("Tc", "3")]).unwrap(),
        [("a".to_owned(), 1.into())]
    );
    assert_eq!(parse_env("", []), Err(VariableFlagError::EmptyPrefix));
    assert!(parse_vars_file("[1]", "v.yml").is_err());
    assert!(parse_vars_file("", "v.yml").unwrap().is_empty());
}

proptest! {
    #[test]
    fn interpolation_never_panics(
        document in crate::yaml::tests::any_value(),
        value in crate::yaml::tests::any_value(),
        text in "[()!a-c. /-]{0,30}",
    ) {
        let mut values = StaticVariables::new();
        values.set("a", value.clone());
        values.set("b.c", value);
        let _ = evaluate(document, &[], &mut values, &Options { expect_all: true, expect_used: true, path: None });
        let _ = evaluate(text.as_str().into(), &[], &mut values, &Options::default());
    }

    #[test]
    fn what_has_no_placeholder_stays(document in crate::yaml::tests::any_value()) {
        prop_assume!(!format!("{document:?}").contains("(("));
        let map = document.as_map().is_some_and(|map| map.contains_key("variables"));
        prop_assume!(!map);
        let got = evaluate(document.clone(), &[], &mut StaticVariables::new(), &Options::default());
        prop_assert_eq!(got, Ok(document));
    }
}
