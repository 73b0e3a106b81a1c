//! A runtime without a keeper: what it is, and having it forget a container.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use warren_sys_process::descriptor_limit::as_before;

use super::super::error::Failure;
use super::run::said;
use super::{External, ExternalError, log, view};
use crate::groups::Place;

/// How long a runtime may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often its end is looked for.
const INTERVAL: Duration = Duration::from_millis(2);

/// Has the runtime remove what it keeps of a container, whose groups were at `place` and are gone
/// with all their processes. Nothing to remove is fine.
///
/// Called in a process of one thread that then ends: it leaves the machine's mount namespace, so
/// that the runtime finds no groups. Their paths, as it has written them down, are those of the
/// view, and may be other people's on the machine.
///
/// # Errors
/// [`ExternalError`]. What is left then is in the container's own directory.
pub fn forget(external: &External, place: &Place) -> Result<(), ExternalError> {
    if !external.state().exists() {
        return Ok(());
    }
    if !place.v1.is_empty() {
        view::cover(|| Ok(())).map_err(ExternalError::Step)?;
    }
    external
        .run("delete", &[Path::new("--force")], None, None)
        .map(drop)
}

/// The first line of what the program says to `--version`.
///
/// # Errors
/// It cannot be executed, fails, or does not end.
pub fn version(program: &Path) -> Result<String, ExternalError> {
    let step = |step: &str, error: &std::io::Error| {
        ExternalError::Step(Failure::because(step, program.display(), error))
    };
    let mut child = as_before(&mut Command::new(program))
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| ExternalError::Execute {
            program: program.to_owned(),
            source: Errno::from_io_error(&error).unwrap_or(Errno::IO),
        })?;
    let deadline = Instant::now() + PATIENCE;
    while child
        .try_wait()
        .map_err(|error| step("wait for", &error))?
        .is_none()
    {
        if Instant::now() >= deadline {
            // It is a child of ours, so the number is still its own.
            let _gone = child.kill();
            let _status = child.wait();
            return Err(ExternalError::TimedOut {
                program: program.to_owned(),
                step: "--version",
                limit: PATIENCE,
            });
        }
        std::thread::sleep(INTERVAL);
    }
    let output = child
        .wait_with_output()
        .map_err(|error| step("hear from", &error))?;
    if !output.status.success() {
        return Err(ExternalError::Failed {
            program: program.to_owned(),
            step: "--version",
            how: how(output.status),
            said: said(&log::messages(&output.stderr), program),
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}
