//! The container server where there is nothing but cgroup v2: its behaviour, and servers in its
//! containers. The tests are some of those that run on the host, too; here each takes ten times as
//! long.

use crate::crates::pass;

const BEHAVIOUR: &str = "warren-tests-conformance-garden";
const ENGINE: &str = "warren-container-runtime-host";
const NESTED: &str = "warren-tests-nested-containers";

#[test]
fn limits() {
    pass(BEHAVIOUR, &["limits::"], 5);
}

/// Groups and figures of the engine alone, and managers of groups inside.
#[test]
fn groups_of_containers() {
    let tests = [
        "processes_are_in_the_groups",
        "limits_are_in_force",
        "too_much_memory",
        "too_many_processes",
        "figures_are_there",
        "without_limits",
        "a_manager_",
    ];
    pass(ENGINE, &tests, 8);
}

/// A group with processes has no groups with controllers below it: these have groups of their own
/// beside the containers'.
#[test]
fn processes_with_an_image_of_their_own() {
    let tests = [
        "pea::life::the_containers_limits",
        "pea::life::it_ends",
        "pea::life::its_metrics",
    ];
    pass(BEHAVIOUR, &tests, 3);
}

#[test]
fn containers_are_stopped() {
    pass(BEHAVIOUR, &["stop::processes_and_their_children"], 1);
}

#[test]
fn what_containers_may_not_do() {
    pass(BEHAVIOUR, &["security::system_calls"], 1);
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
