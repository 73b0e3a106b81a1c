//! Diffs beyond the recorded ones.

use proptest::prelude::*;

use super::{Line, Status, redacted, sections, unordered};
use crate::yaml::{Dialect, Mapping, Value, parse};

fn map(text: &str) -> Mapping {
    match parse(text, Dialect::Ruby).unwrap() {
        Value::Map(map) => map,
        other => panic!("{other:?}"),
    }
}

/// As in a terminal.
fn shown(lines: &[Line]) -> String {
    lines
        .iter()
        .map(|line| format!("{} {}\n", line.status.mark(), line.text()))
        .collect()
}

fn diff(before: &str, after: &str) -> String {
    shown(&sections(&map(before), &map(after), true))
}

#[test]
fn a_changed_scalar_in_a_mapping() {
    assert_eq!(
        diff(
            "update: {max_in_flight: 5, canaries: 1}",
            "update: {max_in_flight: 2, canaries: 1}"
        ),
        "  update:\n-   max_in_flight: 5\n+   max_in_flight: 2\n"
    );
}

#[test]
fn items_are_matched_by_name_or_range() {
    assert_eq!(
        diff(
            "instance_groups: [{name: a, instances: 1}, {name: b}]",
            "instance_groups: [{name: a, instances: 2}, {name: c}]"
        ),
        "  instance_groups:\n  - name: a\n-   instances: 1\n+   instances: 2\n+ - name: c\n- - name: b\n"
    );
    assert_eq!(
        diff(
            "networks: [{name: net, subnets: [{range: r, gateway: g}]}]",
            "networks: [{name: net, subnets: [{range: r, gateway: h}]}]"
        ),
        "  networks:\n  - name: net\n    subnets:\n    - range: r\n-     gateway: g\n+     gateway: h\n"
    );
    // One without a name, and none is matched.
    assert_eq!(
        diff("a: [{name: x, k: 1}, {k: 2}]", "a: [{name: x, k: 3}]"),
        "  a:\n+ - name: x\n+   k: 3\n- - name: x\n-   k: 1\n- - k: 2\n"
    );
    assert_eq!(diff("a: [1, 2]", "a: [2, 3]"), "  a:\n+ - 3\n- - 1\n");
    assert_eq!(diff("a: [1, 2]", "a: [2, 1]"), "");
}

#[test]
fn sections_have_an_order() {
    assert_eq!(
        diff(
            "{}",
            "{zz: 1, update: {a: 1}, azs: [], releases: [1], name: dep}"
        ),
        // A scalar or an empty list makes another title, so it is no known section.
        "+ releases:\n+ - 1\n  \n+ update:\n+   a: 1\n  \n+ zz: 1\n  \n+ azs: []\n  \n+ name: dep\n"
    );
}

#[test]
fn secrets_are_not_shown() {
    assert_eq!(
        diff(
            "jobs: [{name: j, properties: {a: {b: x}, l: [1]}}]",
            "jobs: [{name: j, properties: {a: {b: y}, l: [1]}}]"
        ),
        "  jobs:\n  - name: j\n    properties:\n      a:\n-       b: \"<redacted>\"\n+       b: \"<redacted>\"\n"
    );
    assert_eq!(
        diff("{}", "env: {bosh: {password: x}, other: z}"),
        "+ env:\n+   bosh:\n+     password: \"<redacted>\"\n+   other: z\n"
    );
    assert_eq!(
        diff("{}", "releases: [{name: r, url: 'https://u:p@h/x?y'}]"),
        "+ releases:\n+ - name: r\n+   url: https://<redacted>:<redacted>@h/x?y\n"
    );
    let open = shown(&unordered(&map("{}"), &map("properties: {a: 1}"), false));
    assert_eq!(open, "+ properties:\n+   a: 1\n");
}

proptest! {
    #[test]
    fn equal_is_no_difference_and_nothing_panics(
        before in crate::yaml::tests::any_value(), after in crate::yaml::tests::any_value(),
    ) {
        let wrap = |value: &Value| [("properties".into(), value.clone())].into_iter().collect::<Mapping>();
        let (before, after) = (wrap(&before), wrap(&after));
        prop_assert_eq!(sections(&before, &before, true), vec![]);
        let lines = sections(&before, &after, false);
        // Lists are compared as sets, so unequal need not mean different.
        prop_assert!(before != after || lines.is_empty());
        let shown = redacted(Value::Map(after));
        let again = redacted(shown.clone());
        prop_assert_eq!(shown, again);
        let _ = Status::Added.word();
    }
}
