//! What is kept of an image (`image.json`), and what is told of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::driver::Rung;
use crate::layer::Digest;

/// How a limit on what is written is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quota {
    /// No limit was asked for.
    None,
    /// The writable layer is a tmpfs of this size; writing more gives `ENOSPC`.
    Tmpfs {
        /// Bytes.
        bytes: u64,
    },
    /// The file system refuses more than that, by a project quota: `EDQUOT` (ext4) or `ENOSPC` (XFS).
    Project {
        /// Bytes, beside the directories themselves and, in a copy, what was copied.
        bytes: u64,
    },
    /// Nothing stops a writer: the store only counts, the caller compares and acts.
    Accounting {
        /// Bytes.
        bytes: u64,
    },
}

impl Quota {
    /// The limit in bytes.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Quota::None => None,
            Quota::Tmpfs { bytes } | Quota::Project { bytes } | Quota::Accounting { bytes } => {
                Some(bytes)
            }
        }
    }
}

/// As kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub layers: Vec<Digest>,
    pub rung: Rung,
    pub quota: Quota,
    /// What is written to it counts as this project, where the file system has project quotas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<u32>,
    /// Bytes of data in the layers.
    pub base_bytes: u64,
    /// Whether the owners in its layers are mapped, which mounting it again needs to know.
    pub is_mapped: bool,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
}

impl Kept {
    /// As it is when the project is another store's, of which this one is a copy.
    pub(super) fn without_project(mut self) -> Self {
        self.project = None;
        if let Quota::Project { bytes } = self.quota {
            self.quota = Quota::Accounting { bytes };
        }
        self
    }
}

/// An image of which it cannot be told what it is made of: the power failed soon after it was made,
/// or the disk is damaged. It can be destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// Its id.
    pub id: String,
    /// What is wrong with it.
    pub why: String,
}

/// A root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its root directory.
    pub rootfs: PathBuf,
    /// Its layers, lowest first.
    pub layers: Vec<Digest>,
    /// How it was made.
    pub rung: Rung,
    /// How its limit is kept.
    pub quota: Quota,
}
