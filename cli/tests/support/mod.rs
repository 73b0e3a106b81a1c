//! Runs the executable and reads what it prints.

use std::process::{Command, Output};

use serde_json::Value;

/// The executable under test.
pub const WARREN: &str = env!("CARGO_BIN_EXE_warren");

/// An ended run.
#[derive(Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("no JSON on standard output: {error}\n{self:#?}"))
    }
}

/// Runs `warren` with these words.
pub fn warren(words: &[&str]) -> Ran {
    run(plain(WARREN).args(words))
}

/// A program that sees nothing of what whoever runs tests has set for directors and servers of his own.
fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let is = |start: &str| name.to_string_lossy().starts_with(start);
        if is("WARREN_") || is("BOSH_") || is("BPM_") || is("GAOL_") || is("COLUMNS") {
            command.env_remove(&name);
        }
    }
    command.env("WARREN_HOME", "/no/such/home");
    command
}

/// Runs a shell line in which `$WARREN` is the executable.
pub fn shell(wrapper: &[&str], line: &str) -> Ran {
    let mut words = wrapper.to_vec();
    words.extend(["sh", "-ec", line]);
    run(plain(words[0]).args(&words[1..]).env("WARREN", WARREN))
}

fn run(command: &mut Command) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    Ran {
        code: status
            .code()
            .unwrap_or_else(|| panic!("{command:?} was ended by a signal")),
        out: String::from_utf8_lossy(&stdout).into_owned(),
        err: String::from_utf8_lossy(&stderr).into_owned(),
    }
}
