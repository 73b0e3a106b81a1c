//! What is kept of each process on disk.
//!
//! ```text
//!   processes/NAME/
//!     process.json    what was asked for, without its environment; written before it is executed
//!     exit.json       {"status":N} or {"signal":N}; written when it ends
//! ```
//!
//! NAME is the process's id, or `sha256-HEX` of one that is no good as a name of a directory. A
//! process without exit.json ended with its container, or still runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::spec::ProcessSpec;
use crate::wire::Process;

const PROCESS: &str = "process.json";
const EXIT: &str = "exit.json";

/// The part of `process.json` that is read back.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    #[serde(default)]
    own_root: Option<serde_json::Value>,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

fn path(container: &Path, id: &str) -> PathBuf {
    container.join("processes").join(crate::name::of(id))
}

/// Whether there is, or was, a process of this id.
pub(crate) fn exists(container: &Path, id: &str) -> bool {
    path(container, id).exists()
}

/// Writes what was asked for. The environment may hold secrets and is nowhere needed again.
pub(crate) fn begin(container: &Path, id: &str, spec: &ProcessSpec) -> std::io::Result<()> {
    let directory = path(container, id);
    fs::create_dir_all(&directory)?;
    let mut kept = ProcessSpec {
        id: id.to_owned(),
        ..spec.clone()
    };
    kept.env = Vec::new();
    if let Some(own) = &mut kept.own_root {
        own.env = Vec::new();
    }
    crate::files::replace(&directory.join(PROCESS), &kept, 0o600)
}

/// Forgets a process that has not been executed after all.
pub(crate) fn forget(container: &Path, id: &str) -> std::io::Result<()> {
    fs::remove_dir_all(path(container, id))
}

/// Writes how it ended.
pub(crate) fn end(container: &Path, id: &str, exit: Exit) -> std::io::Result<()> {
    crate::files::replace(&path(container, id).join(EXIT), &exit, 0o600)
}

/// How a process ended that runs no more; `None` if there was none of this id.
pub(crate) fn ended(container: &Path, id: &str) -> Option<Exit> {
    let directory = path(container, id);
    if !directory.exists() {
        return None;
    }
    let exit = fs::read(directory.join(EXIT)).ok();
    let exit = exit.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // Its end could not be written down.
    Some(exit.unwrap_or(Exit::Status(255)))
}

/// All there are, by id, as if none ran. What is half written is left out.
pub(crate) fn read(container: &Path) -> Vec<Process> {
    let entries = fs::read_dir(container.join("processes"));
    let mut found: Vec<Process> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let directory = entry.path();
            let kept = fs::read(directory.join(PROCESS)).ok()?;
            let kept: Kept = serde_json::from_slice(&kept).ok()?;
            let exit = fs::read(directory.join(EXIT)).ok();
            Some(Process {
                id: kept.id,
                pid: 0,
                own_root: kept.own_root.is_some(),
                exit: exit.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
            })
        })
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let spec = ProcessSpec {
            path: "true".into(),
            env: vec!["PASSWORD=hunter2".into()],
            ..ProcessSpec::default()
        };
        begin(folder.path(), "../b", &spec).unwrap();
        begin(folder.path(), "a", &spec).unwrap();
        begin(folder.path(), "c", &spec).unwrap();
        end(folder.path(), "../b", Exit::Signal(9)).unwrap();
        assert!(exists(folder.path(), "c"));
        forget(folder.path(), "c").unwrap();
        assert!(!exists(folder.path(), "c"));
        let found = read(folder.path());
        let expected = [("../b", Some(Exit::Signal(9))), ("a", None)];
        assert_eq!(found.len(), 2);
        for (found, (id, exit)) in found.iter().zip(expected) {
            assert_eq!((found.id.as_str(), found.exit), (id, exit));
        }
        let kept = fs::read_to_string(path(folder.path(), "a").join(PROCESS)).unwrap();
        assert!(!kept.contains("hunter2"), "{kept}");
        // Nothing above the folder was written.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_without_processes_has_none() {
        assert_eq!(read(Path::new("/nonexistent")), []);
    }
}
