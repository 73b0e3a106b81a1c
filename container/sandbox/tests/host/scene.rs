//! Runs a program in a sandbox.

use std::process::{Command, Output};

/// The sandbox as a program.
pub const SANDBOX: &str = env!("CARGO_BIN_EXE_warren-test-sandbox");

/// What a Ruby script in a sandbox gives, the sandbox itself being started by `before`.
pub fn script_by(before: &[&str], options: &[&str], script: &str) -> Output {
    let words = [
        before,
        &[SANDBOX],
        options,
        &["--", "ruby", "-rsocket", "-ropenssl", "-e", script],
    ]
    .concat();
    Command::new(words[0]).args(&words[1..]).output().unwrap()
}

/// The same, started by root.
pub fn script(options: &[&str], text: &str) -> Output {
    script_by(&[], options, text)
}

/// Standard output.
pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error.
pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Becoming a user that is nobody.
pub const AS_NOBODY: &[&str] = &[
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];

/// A root that the kernel gives no namespaces, in a user namespace whose limits say so, where there is
/// no other user that it could become. Its `/proc` is its own, so that nothing else is changed.
pub const REFUSED: &[&str] = &[
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-ec",
    "for kind in user mnt pid net ipc; do echo 0 > /proc/sys/user/max_${kind}_namespaces; done; exec \"$@\"",
    "sh",
];
