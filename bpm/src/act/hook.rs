//! What a job does before its process starts: a program of the host, as root, with the process's
//! environment and logs.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use warren_wire_bpm::Hooks;

use super::prepare::Logs;
use crate::{Root, Step};

/// Runs it to its end, however long that takes.
pub(super) fn pre_start(
    root: &Root,
    hooks: &Hooks,
    environment: &BTreeMap<String, String>,
    logs: &Logs,
) -> Result<(), Step> {
    let failed = |reason: String| Err(Step::Hook(reason));
    if hooks.pre_start.is_empty() {
        return failed("exec: no command".to_owned());
    }
    let (Ok(stdout), Ok(stderr)) = (logs.stdout.try_clone(), logs.stderr.try_clone()) else {
        return failed("its logs cannot be opened".to_owned());
    };
    let path = root.on_host(Path::new(&hooks.pre_start));
    let ended = Command::new(&path)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, signal) => format!("signal: {}", signal.unwrap_or_default()),
        }),
        Err(error) => failed(format!("{}: {error}", path.display())),
    }
}
