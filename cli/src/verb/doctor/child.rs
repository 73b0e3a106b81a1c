//! Work in a child process with namespaces of its own.
//!
//! ```text
//! child   new namespaces ─► waits ────────► work ─► answer in JSON ─► ends
//! parent                    writes id maps, go ──► reads to the end ─► reaps
//! ```
//!
//! A child because a pid namespace begins with one, and a user namespace needs a process of one
//! thread. What it mounts and makes is in its namespaces and goes with it.

use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};
use serde::Serialize;
use serde::de::DeserializeOwned;
use warren_container_runtime::oci::IdMapping;
use warren_lib_errchain::chain;
use warren_sys_process::fork::{Error, Fork, exit, fork_into};
use warren_sys_process::namespaces::Kind;

/// A thread that has been joined may be counted for a moment more.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `work` in a child in new namespaces; `ids` are those of its user namespace, of users and of
/// groups.
///
/// # Errors
/// In words: there is no child, or it said nothing.
pub fn in_child<T: Serialize + DeserializeOwned>(
    kinds: &[Kind],
    ids: &[IdMapping],
    work: impl FnOnce() -> T,
) -> Result<T, String> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|errno| format!("making a pipe: {errno}"));
    let (answer, to_parent) = pipe()?;
    let (go, to_child) = pipe()?;
    let (mut answer, mut to_parent) = (File::from(answer), File::from(to_parent));
    let (mut go, mut to_child) = (File::from(go), File::from(to_child));
    let pid = match forked(kinds)? {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            drop((answer, to_child));
            // Nothing to read: the parent could not write the maps, or is gone.
            if go.read_exact(&mut [0]).is_ok() {
                let text = serde_json::to_vec(&work()).unwrap_or_default();
                // Who reads too little says that nothing was said.
                let _ = to_parent.write_all(&text);
            }
            exit(0)
        }
    };
    drop((go, to_parent));
    let mapped = if kinds.contains(&Kind::User) {
        map(pid, ids)
    } else {
        Ok(())
    };
    let told = mapped.and_then(|()| {
        let mut text = Vec::new();
        let read = to_child.write_all(&[1]);
        read.and_then(|()| answer.read_to_end(&mut text))
            .map_err(|error| format!("asking a child process: {error}"))?;
        serde_json::from_slice(&text).map_err(|_| "the child process gave no answer".to_owned())
    });
    drop(to_child);
    while matches!(
        waitpid(Some(pid), WaitOptions::empty()),
        Err(rustix::io::Errno::INTR) | Ok(None)
    ) {}
    told
}

fn forked(kinds: &[Kind]) -> Result<Fork, String> {
    let started = Instant::now();
    loop {
        match fork_into(kinds, None) {
            Err(Error::Threads(_)) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(1));
            }
            made => return made.map(|(fork, _)| fork).map_err(|error| chain(&error)),
        }
    }
}

fn map(pid: Pid, ids: &[IdMapping]) -> Result<(), String> {
    let line = |map: &IdMapping| format!("{} {} {}\n", map.container, map.host, map.size);
    let lines: String = ids.iter().map(line).collect();
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{}/{file}", pid.as_raw_nonzero());
        let shown = lines.trim_end().replace('\n', "; ");
        std::fs::write(&path, &lines)
            .map_err(|error| format!("writing \"{shown}\" to {file}: {error}"))?;
    }
    Ok(())
}
