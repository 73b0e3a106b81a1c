//! The container server where there is nothing but cgroup v2: its behaviour, and servers in its
//! containers. The tests are some of those that run on the host, too; here each takes ten times as
//! long.

use crate::crates::pass;

const BEHAVIOUR: &str = "warren-tests-conformance-garden";
const NESTED: &str = "warren-tests-nested-containers";

#[test]
fn limits() {
    pass(BEHAVIOUR, &["limits::"], 5);
}

#[test]
fn nothing_is_left() {
    pass(BEHAVIOUR, &["lifecycle::nothing_is_left"], 1);
}

#[test]
fn levels_with_groups_of_their_own() {
    pass(NESTED, &["levels::four_levels_with_groups_of_their_own"], 1);
}

#[test]
fn levels_with_the_machines_groups() {
    pass(NESTED, &["levels::two_levels_with_the_machines_groups"], 1);
}
