//! What the probe found.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Error, Step};
use crate::layer::Markers;

/// One way to make a root file system; see the module's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Overlay, all in the store.
    Overlay,
    /// Overlay with its upper layer below this directory.
    OverlayElsewhere(PathBuf),
    /// Overlay with its upper layer in memory.
    OverlayTmpfs,
    /// fuse-overlayfs, all in the store.
    FuseOverlay,
    /// A copy that shares its blocks with the layers.
    Reflink,
    /// A copy.
    Copy,
}

impl Rung {
    /// Whether the layers are seen through, not copied, so that a root file system is made in a
    /// time that does not depend on their size.
    pub fn is_layered(&self) -> bool {
        !matches!(self, Rung::Reflink | Rung::Copy)
    }
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It works; with what is worth knowing.
    Works {
        /// Findings, one each.
        evidence: Vec<String>,
    },
    /// It does not.
    Fails {
        /// What was being done.
        step: Step,
        /// The kernel's answer, as a number.
        errno: i32,
        /// All of it in words.
        message: String,
    },
    /// Not tried, as a higher rung works.
    NotTried,
}

impl Outcome {
    /// Whether it works.
    pub fn works(&self) -> bool {
        matches!(self, Outcome::Works { .. })
    }
}

impl From<Result<Vec<String>, Error>> for Outcome {
    fn from(result: Result<Vec<String>, Error>) -> Self {
        match result {
            Ok(evidence) => Outcome::Works { evidence },
            Err(error) => Outcome::Fails {
                step: error.step,
                errno: error.source.raw_os_error(),
                message: format!("{error}: {}", error.source),
            },
        }
    }
}

/// A rung and how its trial ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Which.
    pub rung: Rung,
    /// How it ended.
    pub outcome: Outcome,
}

/// What the probe found for a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the store's file system, or its magic number.
    pub filesystem: String,
    /// Which marks for hidden entries the store can hold.
    pub markers: Markers,
    /// Whether overlayfs takes `user.` attributes (the mount option `userxattr`).
    pub userxattr: bool,
    /// Whether renaming directories of a layer works (the mount option `redirect_dir=on`).
    pub redirect_dir: bool,
    /// Whether layers can show other owners (idmapped mounts under the chosen rung).
    pub mapped_ids: Outcome,
    /// Whether the kernel keeps limits on what is written, on the chosen rung.
    pub limits: Outcome,
    /// The ladder, highest rung first.
    pub rungs: Vec<Tried>,
    /// The rung that is taken.
    pub chosen: Rung,
}
