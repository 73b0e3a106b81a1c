//! How a program in a sandbox begins and ends.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use warren_tests_harness::shared;

use crate::scene::{SANDBOX, err, script};

/// Whoever kills the one that waits has killed the program and all that it has started.
#[test]
fn it_does_not_outlive_its_caller() {
    let _gate = shared();
    let mut outer = Command::new(SANDBOX)
        .args(["--", "sh", "-c", "sleep 1000 & sleep 1000 & echo up; wait"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(outer.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    outer.kill().unwrap();
    outer.wait().unwrap();
    // The output ends when the last that holds it has.
    line.clear();
    assert_eq!(stdout.read_line(&mut line).unwrap(), 0);
}

#[test]
fn its_environment_and_descriptors_are_those_given() {
    let _gate = shared();
    let output = Command::new(SANDBOX)
        .args(["--", "ruby", "-e"])
        .arg("print ENV.keys.sort.join(' '), (3..99).count { |n| IO.for_fd(n, autoclose: false) && n > 9 rescue false }")
        .env("SECRET", "swordfish")
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "LANG PATH0",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn memory_is_bounded() {
    let _gate = shared();
    let output = script(&[], "x = %q(x) * (2 << 30)");
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(
        err(&output).contains("failed to allocate memory"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_program_that_is_not_there_is_said() {
    let _gate = shared();
    let output = Command::new(SANDBOX)
        .args(["--", "/no/such"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(err(&output), "there is no program /no/such\n");
    // One that is no program is found out in the sandbox.
    let output = Command::new(SANDBOX)
        .args(["--", "/usr/share/dict/../../lib/os-release"])
        .output();
    let said = err(&output.unwrap());
    assert!(said.starts_with("cannot execute"), "{said}");
}
