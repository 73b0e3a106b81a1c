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
fn ceilings_and_weights() {
    pass(BEHAVIOUR, &["cpu::a_quota", "cpu::a_weight"], 2);
}

#[test]
fn who_used_too_much() {
    pass(BEHAVIOUR, &["cpu::who_used"], 1);
}

#[test]
fn who_was_held_back_by_another_server() {
    pass(BEHAVIOUR, &["cpu::a_server"], 1);
}

/// Of each, since what runtimes make of cgroup v2 alone differs most from what they make beside v1.
#[test]
fn containers_made_by_runc() {
    made_by("runc", &["an_unprivileged", "devices_that"]);
}

#[test]
fn containers_made_by_runc_with_groups() {
    made_by("runc", &["a_privileged", "limits_hold"]);
}

#[test]
fn containers_made_by_crun() {
    made_by("crun", &["an_unprivileged", "devices_that"]);
}

#[test]
fn containers_made_by_crun_with_groups() {
    made_by("crun", &["a_privileged", "limits_hold"]);
}

fn made_by(runtime: &str, tests: &[&str]) {
    let tests: Vec<String> = tests
        .iter()
        .map(|test| format!("external::inside::{runtime}::{test}"))
        .collect();
    let names: Vec<&str> = tests.iter().map(String::as_str).collect();
    pass(BEHAVIOUR, &names, tests.len());
}

#[test]
fn nothing_is_left() {
    pass(BEHAVIOUR, &["lifecycle::nothing_is_left"], 1);
}

#[test]
fn levels_with_groups_of_their_own_that_pull_from_a_registry() {
    pass(
        NESTED,
        &["levels::four_levels_that_pull_from_a_registry"],
        1,
    );
}

#[test]
fn levels_with_the_machines_groups() {
    pass(NESTED, &["levels::two_levels_with_the_machines_groups"], 1);
}
