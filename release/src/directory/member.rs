//! Files on their way into an archive: what is in it, under which name, with which rights.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Error;
use super::error::file;

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// The bytes of a file.
    File,
    /// A symbolic link as such.
    Symlink(Vec<u8>),
    /// A directory; only what a script made has these, since one with files needs no mention.
    Directory,
}

/// A member of an archive to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name in the archive.
    pub name: Vec<u8>,
    /// Where its content is.
    pub from: PathBuf,
    pub content: Content,
    pub is_executable: bool,
    /// Whether its rights are part of the fingerprint.
    pub counts_mode: bool,
}

/// What becomes of symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Their target's content is taken.
    Follow,
    /// They stay what they are.
    Keep,
}

impl Member {
    /// Looks at a file.
    pub(super) fn new(name: Vec<u8>, from: PathBuf, links: Links) -> Result<Self, Error> {
        let meta = fs::symlink_metadata(&from).map_err(file("look at", &from))?;
        let kind = meta.file_type();
        let content = if kind.is_symlink() && links == Links::Keep {
            let target = fs::read_link(&from).map_err(file("read", &from))?;
            Content::Symlink(target.into_os_string().into_vec())
        } else {
            let is_file = match kind.is_symlink() {
                true => fs::metadata(&from)
                    .map_err(file("follow", &from))?
                    .is_file(),
                false => kind.is_file(),
            };
            if !is_file {
                return Err(Error::Special { path: from });
            }
            Content::File
        };
        Ok(Self {
            name,
            content,
            // Of a link that is followed the link's own rights count, and those are all: that is
            // how the stock command line does it, and so what fingerprints are made of.
            is_executable: meta.permissions().mode() & 0o111 != 0,
            counts_mode: true,
            from,
        })
    }

    /// Leaves the rights out of the fingerprint.
    pub(super) fn without_mode(mut self) -> Self {
        self.counts_mode = false;
        self
    }
}

/// The names of the directories in a directory, sorted, without hidden ones.
pub(super) fn directories(path: &Path) -> Result<Vec<String>, Error> {
    let listed = match fs::read_dir(path) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file("list", path)(error)),
    };
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(file("list", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
