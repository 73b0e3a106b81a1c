//! What is known of a container that no part of it knows, on disk.
//!
//! ```text
//! STATE/                     0711
//!   containers/NAME/         0711; NAME is the handle, or sha256-HEX where that is no file name
//!     record.json            0600, it may hold secrets: a `Record`
//!   network/                 see `container/network`
//! ```
//!
//! A record is written before the first part is made, on every change, and removed after the last
//! part is gone. It is written beside and renamed, so that a killed server leaves the old or the
//! new one. It is not synced: containers do not survive what only a disk would.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use warren_container_rootfs::layer::Digest;
use warren_wire_garden::container::Properties;

/// How far a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Some of it may exist. After a crash it is removed.
    Creating,
    /// All of it exists.
    Ready,
}

/// What is kept of a container.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its handle.
    pub handle: String,
    /// How far it is.
    pub phase: Phase,
    /// When it was asked for, nanoseconds since 1970.
    pub created: u64,
    /// Nanoseconds without a client after which it is destroyed; 0 is never.
    pub grace_time: u64,
    /// Whether it has all that the server has.
    pub privileged: bool,
    /// Properties, the server's own among them. May hold secrets.
    pub properties: Properties,
    /// CPU shares asked for.
    pub cpu_shares: u64,
    /// Whether its root file system is in the image store.
    pub has_image: bool,
    /// Processes with a root file system of their own, by id: written down before the first part
    /// of one is made, and removed after the last is gone.
    #[serde(default)]
    pub peas: BTreeMap<String, Pea>,
}

/// What is kept of a process with a root file system of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pea {
    /// When it was asked for, nanoseconds since 1970.
    pub created: u64,
    /// CPU shares asked for.
    pub cpu_shares: u64,
}

/// The record store failed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or directory.
    #[error("cannot {step} {}", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The container has been destroyed meanwhile.
    #[error("{handle:?} has been destroyed")]
    Gone {
        /// Which.
        handle: String,
    },
    /// A record that cannot be written as JSON.
    #[error("cannot encode the record of {handle:?}")]
    Encode {
        /// Whose.
        handle: String,
        /// Why not.
        source: serde_json::Error,
    },
}

fn io<'a>(step: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> StateError + 'a {
    move |source| StateError::Io {
        step,
        path: path.to_owned(),
        source,
    }
}

/// The name that stands for a handle in the file system, here and in the image store.
#[must_use]
pub fn file_name(handle: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+@".contains(&byte);
    let is_plain = handle.bytes().all(plain) && !handle.starts_with('.');
    if is_plain && (1..=100).contains(&handle.len()) && !handle.starts_with("sha256-") {
        handle.to_owned()
    } else {
        format!("sha256-{}", Digest::of(handle.as_bytes()).hex())
    }
}

/// Longest id of a process that is itself in the names of its image and groups, in bytes.
const LONGEST_PROCESS: usize = 60;

/// The name that stands for a process's id in the names of its image and groups.
#[must_use]
pub fn process_name(id: &str) -> String {
    let name = file_name(id);
    if name.len() <= LONGEST_PROCESS {
        name
    } else {
        format!("sha256-{}", Digest::of(id.as_bytes()).hex())
    }
}

/// The name of a process's image, and of its groups if it has limits. No container's name has a
/// tilde.
#[must_use]
pub fn pea_name(handle: &str, id: &str) -> String {
    format!("{}~{}", file_name(handle), process_name(id))
}

/// All records.
#[derive(Debug)]
pub struct Records {
    directory: PathBuf,
}

impl Records {
    /// Opens the directory, making it if need be.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn open(state: &Path) -> Result<Self, StateError> {
        let directory = state.join("containers");
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o711);
        builder.create(&directory).map_err(io("make", &directory))?;
        Ok(Self { directory })
    }

    /// The directory of a container.
    #[must_use]
    pub fn directory(&self, handle: &str) -> PathBuf {
        self.directory.join(file_name(handle))
    }

    /// Writes a record in place of what is there.
    ///
    /// # Errors
    /// [`StateError`]; what was there is there still.
    pub fn save(&self, record: &Record) -> Result<(), StateError> {
        let directory = self.directory(&record.handle);
        match DirBuilder::new().mode(0o711).create(&directory) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.map_err(io("make", &directory))?,
        }
        let bytes = serde_json::to_vec(record).map_err(|source| StateError::Encode {
            handle: record.handle.clone(),
            source,
        })?;
        let temporary = directory.join("record.json.tmp");
        let target = directory.join("record.json");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options
            .open(&temporary)
            .and_then(|mut file| file.write_all(&bytes));
        written.map_err(io("write", &temporary))?;
        fs::rename(&temporary, &target).map_err(io("replace", &target))
    }

    /// Removes all that is kept of a container; nothing there is fine.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn remove(&self, handle: &str) -> Result<(), StateError> {
        self.remove_named(&file_name(handle))
    }

    fn remove_named(&self, name: &str) -> Result<(), StateError> {
        let directory = self.directory.join(name);
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(io("remove", &directory)),
        }
    }

    /// All records. Directories without a readable one belong to containers of which nothing had
    /// been made, and are removed.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn load(&self) -> Result<Vec<Record>, StateError> {
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(io("list", &self.directory))? {
            let entry = entry.map_err(io("list", &self.directory))?;
            let path = entry.path().join("record.json");
            let record = match fs::read(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                read => serde_json::from_slice::<Record>(&read.map_err(io("read", &path))?).ok(),
            };
            let name = entry.file_name();
            match record {
                Some(record) if name.to_str() == Some(&file_name(&record.handle)) => {
                    records.push(record);
                }
                _ => {
                    if let Some(name) = name.to_str() {
                        self.remove_named(name)?;
                    }
                }
            }
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn record(handle: &str) -> Record {
        Record {
            handle: handle.to_owned(),
            phase: Phase::Ready,
            created: 1,
            grace_time: 0,
            privileged: false,
            properties: Properties::from([("k".to_owned(), "secret".to_owned())]),
            cpu_shares: 0,
            has_image: true,
            peas: BTreeMap::new(),
        }
    }

    #[test]
    fn records_come_back_and_go() {
        let root = tempfile::tempdir().unwrap();
        let records = Records::open(root.path()).unwrap();
        for handle in ["plain", "../odd/one", "ä", ".", &"x".repeat(300)] {
            records.save(&record(handle)).unwrap();
            let path = records.directory(handle).join("record.json");
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::create_dir(root.path().join("containers/half-made")).unwrap();
        fs::write(root.path().join("containers/half-made/hosts"), "x").unwrap();
        let loaded = records.load().unwrap();
        assert_eq!(loaded.len(), 5);
        assert!(loaded.contains(&record("../odd/one")));
        assert!(!root.path().join("containers/half-made").exists());
        for record in loaded {
            records.remove(&record.handle).unwrap();
            records.remove(&record.handle).unwrap();
        }
        assert_eq!(
            fs::read_dir(root.path().join("containers"))
                .unwrap()
                .count(),
            0
        );
    }

    #[test]
    fn names_are_safe_and_differ() {
        for (handle, is_plain) in [
            ("a-b.c", true),
            ("", false),
            (".hidden", false),
            ("a/b", false),
            ("a b", false),
            ("sha256-x", false),
        ] {
            assert_eq!(file_name(handle) == handle, is_plain, "{handle}");
            assert!(!file_name(handle).contains('/'));
        }
        assert_ne!(file_name("a/b"), file_name("a/c"));
        // The image store takes 200 bytes.
        assert!(pea_name(&"h".repeat(100), &"p".repeat(100)).len() <= 200);
        assert_ne!(pea_name("a", "b/c"), pea_name("a", "b/d"));
    }
}
