//! The content of a `bpm.yml`.
//!
//! ```yaml
//! processes:
//! - name: server
//!   executable: /var/vcap/packages/server/bin/server
//!   args: [--port, 2424]
//!   env: {LANG: C}
//!   limits: {memory: 512M, open_files: 1024, processes: 100}
//!   ephemeral_disk: true
//! ```
//!
//! Source: the documentation of bpm-release, `docs/config.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use warren_lib_yaml::{TooDeep, check_open};

use crate::lenient;

/// Longest file that is read; those of public releases have some kilobytes.
pub const LONGEST: usize = 4 << 20;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The job's processes. Of two with the same name the first counts.
    #[serde(deserialize_with = "lenient::list")]
    pub processes: Vec<Process>,
}

/// One process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Its name in the job.
    #[serde(deserialize_with = "lenient::text")]
    pub name: String,
    /// The program.
    #[serde(deserialize_with = "lenient::text")]
    pub executable: String,
    /// Its arguments, without argument 0.
    #[serde(deserialize_with = "lenient::texts")]
    pub args: Vec<String>,
    /// Its environment, beside what every process has.
    #[serde(deserialize_with = "lenient::map")]
    pub env: BTreeMap<String, String>,
    /// Working directory; the job's own if empty.
    #[serde(deserialize_with = "lenient::text")]
    pub workdir: String,
    /// What is done before it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// Capabilities, without `CAP_`.
    #[serde(deserialize_with = "lenient::texts")]
    pub capabilities: Vec<String>,
    /// What it may use at most.
    #[serde(deserialize_with = "lenient::or_default")]
    pub limits: Limits,
    /// Whether it sees the job's directory on the ephemeral disk.
    #[serde(deserialize_with = "lenient::boolean")]
    pub ephemeral_disk: bool,
    /// Whether it sees the job's directory on the persistent disk.
    #[serde(deserialize_with = "lenient::boolean")]
    pub persistent_disk: bool,
    /// Other directories and files below `/var/vcap` that it sees.
    #[serde(deserialize_with = "lenient::list")]
    pub additional_volumes: Vec<Volume>,
    /// `TERM`, `INT`, or empty for the former.
    #[serde(deserialize_with = "lenient::text")]
    pub shutdown_signal: String,
    /// What takes down walls.
    #[serde(rename = "unsafe", deserialize_with = "lenient::or_default")]
    pub unsafe_options: Unsafe,
}

/// What is done at certain points of a process's life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooks {
    /// A program without arguments, run before the process starts.
    #[serde(deserialize_with = "lenient::text")]
    pub pre_start: String,
}

/// What a process may use at most; what is absent is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory, as [`crate::quantity`] reads it.
    #[serde(
        deserialize_with = "lenient::maybe_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub memory: Option<String>,
    /// Open files of each of its processes.
    #[serde(
        deserialize_with = "lenient::unsigned",
        skip_serializing_if = "Option::is_none"
    )]
    pub open_files: Option<u64>,
    /// Bytes of a core dump.
    #[serde(
        deserialize_with = "lenient::unsigned",
        skip_serializing_if = "Option::is_none"
    )]
    pub core_file_size: Option<u64>,
    /// Processes and threads.
    #[serde(
        deserialize_with = "lenient::signed",
        skip_serializing_if = "Option::is_none"
    )]
    pub processes: Option<i64>,
}

/// A directory or file of the host that a process sees at the same path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Where.
    #[serde(deserialize_with = "lenient::text")]
    pub path: String,
    /// Whether the process may write to it.
    #[serde(deserialize_with = "lenient::boolean")]
    pub writable: bool,
    /// Whether programs in it may be executed.
    #[serde(deserialize_with = "lenient::boolean")]
    pub allow_executions: bool,
    /// Whether it must be there already, and is left as it is.
    #[serde(deserialize_with = "lenient::boolean")]
    pub mount_only: bool,
    /// Whether what is mounted below it is seen by all that have it.
    #[serde(deserialize_with = "lenient::boolean")]
    pub shared: bool,
}

/// What takes down walls between a process and the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unsafe {
    /// It is root, with nearly all capabilities.
    #[serde(deserialize_with = "lenient::boolean")]
    pub privileged: bool,
    /// It sees the host's processes.
    #[serde(deserialize_with = "lenient::boolean")]
    pub host_pid_namespace: bool,
    /// Volumes anywhere, whose paths are patterns.
    #[serde(deserialize_with = "lenient::list")]
    pub unrestricted_volumes: Vec<Volume>,
}

/// A file that is no `bpm.yml`.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// It is too long.
    #[error("the file is longer than {LONGEST} bytes")]
    TooLong,
    /// Nested more deeply than any such file.
    #[error(transparent)]
    TooDeep(#[from] TooDeep),
    /// It is not YAML, or something in it has the wrong type.
    #[error("{0}")]
    Yaml(String),
}

impl Config {
    /// Reads a file. Unknown keys mean nothing; of several documents the first counts; an empty
    /// file has no processes.
    ///
    /// # Errors
    /// [`ParseError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > LONGEST {
            return Err(ParseError::TooLong);
        }
        check_open(bytes)?;
        // Editors of some systems begin with it; it would become a part of the first key.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let said = |error: yaml_serde::Error| ParseError::Yaml(error.to_string());
        if has_merge_key(bytes) {
            let mut value = first::<yaml_serde::Value>(bytes).map_err(said)?;
            value
                .get_or_insert_with(yaml_serde::Value::default)
                .apply_merge()
                .map_err(said)?;
            let merged = yaml_serde::to_string(&value).map_err(said)?;
            return first(merged.as_bytes())
                .map_err(said)
                .map(Option::unwrap_or_default);
        }
        first(bytes).map_err(said).map(Option::unwrap_or_default)
    }

    /// The process of this name.
    #[must_use]
    pub fn process(&self, name: &str) -> Option<&Process> {
        self.processes.iter().find(|process| process.name == name)
    }
}

/// The first document; `None` if it is empty.
fn first<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<Option<T>, yaml_serde::Error> {
    match yaml_serde::Deserializer::from_slice(bytes).next() {
        Some(document) => Option::<T>::deserialize(document),
        None => Ok(None),
    }
}

/// Whether there may be a `<<:` in it, which needs the slower way and loses how numbers were
/// written.
fn has_merge_key(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|part| part == b"<<:")
}
