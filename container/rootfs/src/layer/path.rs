//! Names of entries as lists of components.

/// Longest path that is accepted (`PATH_MAX`).
const LONGEST: usize = 4096;

/// A name that no entry of a root filesystem may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// It has a component `..`.
    #[error("a path must not contain \"..\"")]
    ParentDirectory,
    /// It is longer than `PATH_MAX`.
    #[error("a path of {0} bytes is too long")]
    TooLong(usize),
    /// A whiteout of nothing, of `.` or of `..`.
    #[error("a whiteout must name an entry")]
    Whiteout,
}

/// A path without `.`, `..`, empty components and leading slashes; the root is no components.
/// Leading slashes are dropped as the archive's root is meant.
pub(crate) fn components(path: &[u8]) -> Result<Vec<&[u8]>, InvalidPath> {
    if path.len() > LONGEST {
        return Err(InvalidPath::TooLong(path.len()));
    }
    let parts = path.split(|byte| *byte == b'/');
    let parts: Vec<&[u8]> = parts.filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&b"..".as_slice()) {
        return Err(InvalidPath::ParentDirectory);
    }
    Ok(parts)
}

/// What the basename of an entry asks for (OCI image layer specification, "Whiteouts").
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Marked<'a> {
    /// An ordinary entry.
    No,
    /// `.wh.NAME`: NAME of the layers below is gone.
    Whiteout(&'a [u8]),
    /// `.wh..wh..opq`: everything in this directory of the layers below is gone.
    Opaque,
    /// `.wh..wh.*`: book-keeping of aufs, no content.
    Aufs,
}

/// Only the basename counts: `a.wh.b` and `.wh.d/e` are ordinary names.
pub(super) fn marked(name: &[u8]) -> Result<Marked<'_>, InvalidPath> {
    let Some(victim) = name.strip_prefix(b".wh.") else {
        return Ok(Marked::No);
    };
    match victim {
        b".wh..opq" => Ok(Marked::Opaque),
        b"" | b"." | b".." => Err(InvalidPath::Whiteout),
        _ if victim.starts_with(b".wh.") => Ok(Marked::Aufs),
        _ => Ok(Marked::Whiteout(victim)),
    }
}
