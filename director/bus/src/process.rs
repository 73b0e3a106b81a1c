//! Which process a NATS server is.
//!
//! ```text
//! PID_FILE names a process called nats-server ─► that one
//! it names none, a dead one, another ─► the one of all in PROC that is called so and was given a
//!                                       configuration beside the users' file; none if there is none
//! ```
//!
//! A server that is killed leaves its file, whose number the kernel gives to somebody else in time; and one
//! in a pid namespace of its own writes a number that means another process elsewhere.
//!
//! One that does not listen yet has not learned yet what the signal means, which would end it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde_json::json;
use warren_lib_telemetry::{Level, log};

/// What the server's program is called.
const NAME: &str = "nats-server";

/// The server that writes `pid_file` and includes `users`, as `proc` (`/proc`) shows it.
pub(crate) fn server(proc: &Path, pid_file: &Path, users: &Path) -> Option<Pid> {
    let text = fs::read_to_string(pid_file).unwrap_or_default();
    let named = text.trim().parse().ok().and_then(Pid::from_raw);
    let called = named.and_then(|pid| name(proc, pid));
    if called.as_deref() == Some(NAME) {
        return named.filter(|pid| listens(proc, *pid));
    }
    let found = search(proc, users).filter(|pid| listens(proc, *pid));
    if let (Some(named), Some(called)) = (named, called) {
        let fields = [
            ("file", json!(pid_file.display().to_string())),
            ("pid", json!(named.as_raw_nonzero().get())),
            ("is", json!(called)),
            ("found", json!(found.map(|pid| pid.as_raw_nonzero().get()))),
        ];
        log::line(Level::Warn, "nats_pid_of_another", &fields);
    }
    found
}

/// What a process is called.
fn name(proc: &Path, pid: Pid) -> Option<String> {
    let path = proc.join(pid.as_raw_nonzero().to_string()).join("comm");
    Some(fs::read_to_string(path).ok()?.trim_end().to_owned())
}

/// Whether a process waits for connections over TCP.
fn listens(proc: &Path, pid: Pid) -> bool {
    /// The state of such sockets in the tables (`TCP_LISTEN`).
    const LISTENING: &str = "0A";
    let process = proc.join(pid.as_raw_nonzero().to_string());
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
    let sockets: BTreeSet<String> = descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            let link = link.to_str()?.strip_prefix("socket:[")?;
            Some(link.strip_suffix(']')?.to_owned())
        })
        .collect();
    ["net/tcp", "net/tcp6"].into_iter().any(|table| {
        let table = fs::read_to_string(process.join(table)).unwrap_or_default();
        table.lines().skip(1).any(|line| {
            // Number, both addresses, state, six more, inode.
            let mut words = line.split_ascii_whitespace();
            words.nth(3) == Some(LISTENING)
                && words.nth(5).is_some_and(|inode| sockets.contains(inode))
        })
    })
}

/// The server that was given a configuration in the directory of the users' file.
fn search(proc: &Path, users: &Path) -> Option<Pid> {
    let wanted = fs::metadata(users).ok()?;
    for entry in fs::read_dir(proc).ok()?.flatten() {
        let number = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else {
            continue;
        };
        if name(proc, pid).as_deref() != Some(NAME) {
            continue;
        }
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = line
            .split(|byte| *byte == 0)
            .map(std::ffi::OsStr::from_bytes);
        let is_ours = words.any(|word| {
            beside(&entry.path(), Path::new(word), users)
                .and_then(|path| fs::metadata(path).ok())
                .is_some_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
        });
        if is_ours {
            return Some(pid);
        }
    }
    None
}

/// Where a process would find the users' file beside a file that it was given.
fn beside(process: &Path, given: &Path, users: &Path) -> Option<PathBuf> {
    let directory = given.parent()?;
    // As the process sees it, which may be in a container of its own.
    let directory = match directory.strip_prefix("/") {
        Ok(inside) => process.join("root").join(inside),
        Err(_) => process.join("cwd").join(directory),
    };
    Some(directory.join(users.file_name()?))
}
