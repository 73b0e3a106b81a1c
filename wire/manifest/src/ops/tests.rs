//! Paths and operations beyond the recorded ones.

use proptest::prelude::*;

use super::{Kind, Op, Path, PathError, apply, find, parse_file};
use crate::yaml::{Dialect, Value, parse, to_go};

fn yaml(text: &str) -> Value {
    parse(text, Dialect::Go).unwrap()
}

fn run(document: &str, ops: &str) -> Result<String, String> {
    let ops = parse_file(ops, "ops.yml").map_err(|error| error.to_string())?;
    apply(yaml(document), &ops)
        .map(|value| to_go(&value))
        .map_err(|error| error.to_string())
}

fn replaced(document: &str, path: &str) -> Result<String, String> {
    run(
        document,
        &format!("[{{type: replace, path: '{path}', value: X}}]"),
    )
}

fn removed(document: &str, path: &str) -> Result<String, String> {
    run(document, &format!("[{{type: remove, path: '{path}'}}]"))
}

#[test]
fn paths_are_written_as_they_were_read() {
    for path in [
        "",
        "/",
        "/a/b?/c",
        "/a/0:prev:next/-1/-",
        "/a/k=v?/c=d:before",
        "/a~1b~0c~7d",
    ] {
        assert_eq!(path.parse::<Path>().unwrap().to_string(), path);
    }
    // What follows an optional token is optional, marked or not.
    assert_eq!("/a?/b?".parse::<Path>().unwrap().to_string(), "/a?/b");
    for path in [
        "/a?/b??",
        "/a?/b???",
        "/a=b??",
        "/a?/b=c??",
        "/a?/+1?/b",
        "/a?/-?",
    ] {
        assert_eq!(path.parse::<Path>().unwrap().to_string(), path);
    }
    assert_eq!("a".parse::<Path>(), Err(PathError::NoSlash));
    assert_eq!("/a:prev".parse::<Path>(), Err(PathError::ModifierOnKey));
    assert_eq!("/-:prev".parse::<Path>(), Err(PathError::ModifierAfterLast));
    assert_eq!(
        "/0:x".parse::<Path>(),
        Err(PathError::UnknownModifier("x".to_owned()))
    );
    assert!("/a".repeat(1000).parse::<Path>().is_err());
}

#[test]
fn optional_steps_create_what_the_next_one_wants() {
    assert_eq!(replaced("{}", "/a?/-").unwrap(), "a:\n- X\n");
    assert_eq!(replaced("{}", "/a?/k=v/b").unwrap(), "a:\n- b: X\n  k: v\n");
    assert_eq!(replaced("{}", "/a?/k=v").unwrap(), "a:\n- X\n");
    assert_eq!(
        replaced("{}", "/a?/0").unwrap_err(),
        "Error 'operation [0] in ops.yml failed': \
         Expected to find key, matching index or after last index token at path '/a?/0'"
    );
}

#[test]
fn places_and_gaps() {
    assert_eq!(replaced("[1, 2]", "/0").unwrap(), "- X\n- 2\n");
    assert_eq!(replaced("[1, 2]", "/-1:before").unwrap(), "- 1\n- X\n- 2\n");
    assert_eq!(replaced("[1, 2]", "/-1:after").unwrap(), "- 1\n- 2\n- X\n");
    assert_eq!(
        replaced("[1, 2]", "/1:prev:after").unwrap(),
        "- 1\n- X\n- 2\n"
    );
    assert_eq!(replaced("1", "").unwrap(), "X\n");
    assert_eq!(removed("[1, 2]", "/-2").unwrap(), "- 2\n");
    assert_eq!(removed("[{k: v}, 2]", "/k=v:next").unwrap(), "- k: v\n");
    assert_eq!(removed("[]", "/k=v?").unwrap(), "[]\n");
    for (path, problem) in [
        (
            "/2",
            "Expected to find array index '2' but found array of length '2' for path '/2'",
        ),
        (
            "/-3",
            "Expected to find array index '-3' but found array of length '2' for path '/-3'",
        ),
        (
            "/0:before:after",
            "Expected to not find any modifiers after 'before' modifier, but found modifier 'patch.AfterModifier'",
        ),
        (
            "/0:after/x",
            "Expected to find one of the following modifiers: 'prev', 'next', but found modifier 'patch.AfterModifier'",
        ),
        (
            "/a",
            "Expected to find a map at path '/a' but found '[]interface {}'",
        ),
        (
            "/0/x",
            "Expected to find a map at path '/0/x' but found 'int'",
        ),
    ] {
        let error = replaced("[1, 2]", path).unwrap_err();
        assert_eq!(
            error,
            format!("Error 'operation [0] in ops.yml failed': {problem}")
        );
    }
    assert!(
        removed("{}", "")
            .unwrap_err()
            .ends_with("Cannot remove entire document")
    );
    assert!(
        removed("[]", "/-")
            .unwrap_err()
            .contains("'patch.AfterLastIndexToken' at path '/-'")
    );
    assert!(
        removed("{}", "/a")
            .unwrap_err()
            .ends_with("(found no other map keys)")
    );
}

#[test]
fn tests_of_presence() {
    let test = |document: &str, rest: &str| run(document, &format!("[{{type: test, {rest}}}]"));
    assert!(test("{a: [1]}", "path: /a/0, value: 1").is_ok());
    assert!(test("{a: [1]}", "path: /a/1, absent: true").is_ok());
    assert!(
        test("{a: 1}", "path: /a, absent: true")
            .unwrap_err()
            .ends_with("Expected to not find '/a'")
    );
    // A missing parent is no absence.
    assert!(test("{}", "path: /a/b, absent: true").is_err());
    assert_eq!(
        test("{}", "path: /a").unwrap_err(),
        "Building ops: Test operation [0]: Missing value or absent within\n{\n  \"Type\": \"test\",\n  \"Path\": \"/a\",\n  \"Error\": \"operation [0] in ops.yml failed\"\n}"
    );
}

#[test]
fn files_that_are_none() {
    assert_eq!(run("{}", "").unwrap(), "{}\n");
    for (text, problem) in [
        ("a: 1", "cannot unmarshal !!map into []patch.OpDefinition"),
        ("[1]", "cannot unmarshal !!int `1` into patch.OpDefinition"),
        ("[a", "did not find expected ',' or ']'"),
    ] {
        let error = run("{}", text).unwrap_err();
        assert!(
            error.starts_with("Deserializing ops file 'ops.yml': yaml: "),
            "{error}"
        );
        assert!(error.ends_with(problem), "{error}");
    }
}

proptest! {
    #[test]
    fn paths_and_operations_never_panic(
        path in "(/(a|b|0|-1|-|k=v|[ -~]{0,4})(\\?|:prev|:next|:before|:after)?){0,4}",
        document in crate::yaml::tests::any_value(),
        value in crate::yaml::tests::any_value(),
    ) {
        let Ok(path) = path.parse::<Path>() else { return Ok(()); };
        // A key of digits that is marked optional behind another is written like a place, as the stock does.
        let text = path.to_string();
        prop_assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        let _ = find(&document, &path);
        for kind in [Kind::Remove, Kind::TestAbsent, Kind::TestValue(value.clone())] {
            let op = Op { kind, path: path.clone(), described: None };
            let _ = apply(document.clone(), &[op]);
        }
        let insertion = path.to_string().contains(":before") || path.to_string().contains(":after")
            || path.to_string().contains('=') || path.to_string().ends_with("/-");
        let op = Op { kind: Kind::Replace(value.clone()), path: path.clone(), described: None };
        if let Ok(after) = apply(document, &[op]) && !insertion {
            prop_assert_eq!(find(&after, &path), Ok(value));
        }
    }

    #[test]
    fn files_of_junk_are_refused(text in any::<String>()) {
        let _ = parse_file(&text, "ops.yml");
    }
}
