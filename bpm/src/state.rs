//! What is written down of a running process.
//!
//! ```text
//! V/sys/run/bpm-warren/CONTAINER.json   0600, replaced as a whole; in memory, gone with the boot
//! ```
//!
//! ```text
//!           before anything is made         pid file written
//! (none) ─────────────────────────► making ─────────────────► running
//!    ▲                                 └── killed ──┐             │ process ended
//!    └────────────────── cleaned up ◄───────────────┴─────────────┘
//! ```
//!
//! A record says enough to clean up whatever its writer had made when it died. One that cannot be
//! read is treated as of a process of which nothing is known but its name.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use warren_container_runtime::groups::Place;
pub use warren_container_runtime::identity::Identity;

use crate::Step;
use crate::files;
use crate::root::{Name, Root};

/// How far a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Something of it may have been made.
    Making,
    /// It has been started, and its pid file is written.
    Running,
}

/// The file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its job.
    pub job: String,
    /// Its name in the job.
    pub process: String,
    /// How far it is.
    pub phase: Phase,
    /// Its first process, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Identity>,
    /// Its hook, while that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Identity>,
    /// Its control groups, which may not be there yet; none if it has none.
    pub place: Place,
    /// The unit of systemd that they are in, which may not be there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The signal that it is stopped with.
    pub shutdown_signal: String,
}

/// What is known of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it is not there.
    Absent,
    /// This.
    Record(Box<Record>),
    /// There is a record that cannot be read.
    Corrupt,
}

/// What a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not there.
    Stopped,
    /// Under way, or its starter died.
    Creating,
    /// Alive.
    Running,
    /// It ended by itself, or nothing can be said.
    Failed,
}

impl Known {
    /// What a list shows.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Absent => Status::Stopped,
            Self::Corrupt => Status::Failed,
            Self::Record(record) => match record.phase {
                Phase::Making => Status::Creating,
                Phase::Running if record.is_alive() => Status::Running,
                Phase::Running => Status::Failed,
            },
        }
    }

    /// The pid of a process that is running.
    #[must_use]
    pub fn running(&self) -> Option<i32> {
        match self {
            Self::Record(record) if self.status() == Status::Running => {
                record.init.as_ref().map(|init| init.pid)
            }
            _ => None,
        }
    }
}

impl Record {
    fn is_alive(&self) -> bool {
        self.init.as_ref().is_some_and(Identity::is_alive)
    }

    /// Replaces the record.
    pub(crate) fn save(&self, root: &Root, name: &Name) -> Result<(), Step> {
        files::root_directory(&root.states(), 0o700)?;
        let path = path(root, name);
        let text =
            serde_json::to_vec(self).map_err(|error| Step::file("write", &path)(error.into()))?;
        files::replace(&path, &text, 0o600)
    }
}

/// Reads what is known.
///
/// # Errors
/// A record that is there cannot be opened.
pub fn load(root: &Root, name: &Name) -> Result<Known, Step> {
    let path = path(root, name);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Known::Absent),
        Err(error) => return Err(Step::file("read", path)(error)),
    };
    Ok(match serde_json::from_slice(&text) {
        Ok(record) => Known::Record(Box::new(record)),
        Err(_) => Known::Corrupt,
    })
}

/// Forgets a process.
pub(crate) fn forget(root: &Root, name: &Name) -> Result<(), Step> {
    files::remove(&path(root, name))
}

fn path(root: &Root, name: &Name) -> PathBuf {
    root.states().join(format!("{}.json", name.container()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_junk_is_told() {
        let top = tempfile::tempdir().unwrap();
        let root = Root::at(top.path());
        let name = Name::new("web", None).unwrap();
        assert_eq!(load(&root, &name).unwrap(), Known::Absent);
        let mut record = Record {
            job: "web".into(),
            process: "web".into(),
            phase: Phase::Making,
            init: None,
            hook: None,
            place: Place::default(),
            unit: None,
            shutdown_signal: "INT".into(),
        };
        record.save(&root, &name).unwrap();
        let known = load(&root, &name).unwrap();
        assert_eq!(known, Known::Record(Box::new(record.clone())));
        assert_eq!((known.status(), known.running()), (Status::Creating, None));
        record.phase = Phase::Running;
        record.init = Identity::of(rustix::process::getpid());
        record.save(&root, &name).unwrap();
        let known = load(&root, &name).unwrap();
        assert_eq!(known.status(), Status::Running);
        assert_eq!(known.running(), i32::try_from(std::process::id()).ok());
        std::fs::write(path(&root, &name), "{").unwrap();
        assert_eq!(load(&root, &name).unwrap().status(), Status::Failed);
        forget(&root, &name).unwrap();
        assert_eq!(load(&root, &name).unwrap().status(), Status::Stopped);
    }
}
