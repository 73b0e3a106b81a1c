//! The step of a driver that failed.

use std::fmt;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// What a driver, or the probe of one, was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Making a private mount namespace.
    Namespace,
    /// Making directories.
    Prepare,
    /// Looking for the directory or program.
    Find,
    /// Mounting a tmpfs.
    MountTmpfs,
    /// Mounting the overlay, or starting what does.
    Mount,
    /// Reading a file of the layers.
    Read,
    /// Writing a file of the layers.
    Write,
    /// Changing the owner of a file of the layers.
    ChangeOwner,
    /// Removing a file of the layers (a whiteout).
    Whiteout,
    /// Making a directory where one of the layers was (an opaque directory).
    Opaque,
    /// Renaming a file of the layers.
    Rename,
    /// Seeing that what a layer hides is hidden.
    Hidden,
    /// Mapping the owners of a layer.
    MapIds,
    /// Sharing blocks between files.
    Reflink,
    /// Copying layers.
    Copy,
    /// Unmounting.
    Unmount,
    /// Asking the file system for project quotas.
    Quota,
    /// Making directories part of a project.
    Project,
    /// Setting a limit.
    Limit,
    /// Writing more than the limit.
    Exceed,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Namespace => "making a private mount namespace",
            Step::Prepare => "making directories",
            Step::Find => "looking for it",
            Step::MountTmpfs => "mounting a tmpfs",
            Step::Mount => "mounting the overlay",
            Step::Read => "reading through the layers",
            Step::Write => "writing to a file of a layer",
            Step::ChangeOwner => "changing the owner of a file of a layer",
            Step::Whiteout => "removing a file of a layer",
            Step::Opaque => "replacing a directory of a layer",
            Step::Rename => "renaming a file of a layer",
            Step::Hidden => "hiding a file of a lower layer",
            Step::MapIds => "mapping the owners of a layer",
            Step::Reflink => "sharing blocks between files",
            Step::Copy => "copying the layers",
            Step::Unmount => "unmounting",
            Step::Quota => "asking for project quotas",
            Step::Project => "giving directories a project id",
            Step::Limit => "setting a limit",
            Step::Exceed => "writing more than the limit",
        })
    }
}

/// A driver failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}{}", .detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
pub struct Error {
    /// What was done.
    pub step: Step,
    /// What the errno does not tell: the kernel's message, a path, a program's words.
    pub detail: Option<String>,
    /// The kernel's answer.
    pub source: Errno,
}

impl Error {
    pub(crate) fn at(step: Step) -> impl Fn(Errno) -> Self + Copy {
        move |source| Self {
            step,
            detail: None,
            source,
        }
    }

    pub(crate) fn io(step: Step) -> impl Fn(std::io::Error) -> Self + Copy {
        move |error| Self {
            step,
            detail: error.raw_os_error().is_none().then(|| error.to_string()),
            source: Errno::from_io_error(&error).unwrap_or(Errno::IO),
        }
    }

    pub(crate) fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
