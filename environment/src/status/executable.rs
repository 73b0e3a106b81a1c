//! Which executable an environment runs, and whether it is the one that asks.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::patience::within;
use super::{Found, PATIENCE, Row, timed};
use crate::{Record, executable};

/// See the module.
pub(super) fn row(home: &Path, record: &Record) -> Row {
    let started = Instant::now();
    let kept = executable::path(home);
    let asked = within(PATIENCE, move || version(&kept)).and_then(|version| version);
    let found = asked.map(|version| {
        let whose = match executable::another(home) {
            None => "this one",
            Some(_) => {
                "another than this one, and it is what starts and stops here: \
                 warren stop, warren up and warren start take this one"
            }
        };
        Found::Good(format!("{version}, image {}, {whose}", record.image))
    });
    timed("Executable", 0, started, found, None)
}

fn version(kept: &Path) -> Result<String, String> {
    let wrong = |why: &str| format!("{}: {why}; warren up puts one there", kept.display());
    let mut command = Command::new(kept);
    command.arg("--version").stdin(Stdio::null());
    let said = command
        .output()
        .map_err(|error| wrong(&error.to_string()))?;
    match said.status.success() {
        true => Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned()),
        false => Err(wrong(
            &String::from_utf8_lossy(&said.stderr).replace('\n', "; "),
        )),
    }
}
