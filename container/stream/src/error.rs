//! Why an archive could not be unpacked or made.

use rustix::io::Errno;
use warren_lib_tar as tar;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Finding a directory.
    Resolve,
    /// Making something.
    Create,
    /// Removing what stands in the way.
    Remove,
    /// Reading data, names or attributes.
    Read,
    /// Writing data.
    Write,
    /// Setting owner and group.
    ChangeOwner,
    /// Setting permissions.
    ChangeMode,
    /// Setting an extended attribute.
    SetXattr,
    /// Setting the time of last change.
    SetTime,
    /// Making a hard link.
    Link,
}

impl Step {
    fn words(self) -> &'static str {
        match self {
            Step::Resolve => "cannot find the directory",
            Step::Create => "cannot create",
            Step::Remove => "cannot remove",
            Step::Read => "cannot read",
            Step::Write => "cannot write",
            Step::ChangeOwner => "cannot change the owner of",
            Step::ChangeMode => "cannot change the mode of",
            Step::SetXattr => "cannot set an extended attribute of",
            Step::SetTime => "cannot set the time of",
            Step::Link => "cannot make the hard link",
        }
    }
}

/// An archive could not be unpacked or made. What was done before stays.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive is malformed, cut off, compressed, or its source failed.
    #[error("cannot read the archive")]
    Archive(#[from] tar::Error),
    /// The archive could not be handed on.
    #[error("cannot write the archive")]
    Write(#[from] tar::WriteError),
    /// An entry whose name has a `..`.
    #[error("{path}: the name of an entry contains '..'")]
    ParentDirectory {
        /// The name; what is not printable is escaped.
        path: String,
    },
    /// The root of the archive is something else than a directory.
    #[error("the archive has a root that is no directory")]
    Root,
    /// The kernel refused.
    #[error("{} {path}", step.words())]
    Entry {
        /// What was being done.
        step: Step,
        /// The name in the archive, or the path; what is not printable is escaped.
        path: String,
        /// The kernel's answer.
        source: Errno,
    },
}

/// A failure of `step` on `path`.
pub(crate) fn failed(step: Step, path: &[u8]) -> impl Fn(Errno) -> Error + Copy {
    move |source| Error::Entry {
        step,
        path: shown(path),
        source,
    }
}

/// A path for messages: what is not printable is escaped, what is endless is cut.
pub(crate) fn shown(path: &[u8]) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    tar::shown(path)
}
