//! Tests of the kernel crates that want a machine with nothing but cgroup v2.

use warren_tests_harness::protocol::Program;
use warren_tests_vm::Turn;

/// Far less than what the harness waits for an answer.
const LIMIT_MS: u64 = 900_000;

/// Runs a test executable there, one test at a time, and wants all this many to pass.
#[track_caller]
pub(crate) fn pass(name: &str, arguments: &[&str], least: usize) {
    let turn = Turn::take();
    let vm = turn.vm();
    let executable = format!("/host/{name}");
    // No cargo is there to build what a test needs.
    let programs = format!("{}=/host", warren_tests_harness::programs::DIRECTORY);
    let argv = ["env", &programs, &executable, "--test-threads=1"];
    let argv = [&argv, arguments].concat();
    let output = vm.actor().run_program(Program {
        argv: argv.into_iter().map(str::to_owned).collect(),
        env: Vec::new(),
        stdin: String::new(),
        timeout_ms: LIMIT_MS,
    });
    let output = output.success();
    let passed = output
        .stdout
        .lines()
        .filter(|line| line.ends_with(" ... ok"))
        .count();
    assert!(
        passed >= least,
        "{passed} passed, expected {least} or more:\n{}",
        output.stdout
    );
    assert!(output.stdout.contains(" 0 failed"), "{}", output.stdout);
    let left = vm
        .shell("find /sys/fs/cgroup -name 'warren-test-[0-9]*'")
        .success()
        .stdout;
    assert_eq!(left, "", "cgroups were left behind");
}

/// Those that a hybrid host's cgroup v2 has no controllers for.
#[test]
fn cgroup_controllers_and_limits() {
    pass(
        "warren-sys-cgroup-controllers",
        &["--ignored", "--skip", "child_"],
        8,
    );
}

#[test]
fn cgroup_groups() {
    pass("warren-sys-cgroup-groups", &[], 5);
}

#[test]
fn cgroup_identity() {
    pass("warren-sys-cgroup-identity", &[], 5);
}

#[test]
fn device_filters() {
    pass("warren-sys-devicefilter-filter", &[], 5);
}
