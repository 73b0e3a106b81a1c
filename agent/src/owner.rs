//! Users and groups by name, from the files below the root.

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Uid, chownat};

use crate::files::{FileError, failed};
use crate::paths::Paths;

/// To whom a file is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Owner {
    /// root:root.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };

    /// root:vcap, or root:root where there is no such group.
    #[must_use]
    pub fn vcap(paths: &Paths) -> Self {
        let gid = group(paths, "vcap").unwrap_or(0);
        Self { uid: 0, gid }
    }

    /// A user with its own group.
    #[must_use]
    pub fn user(paths: &Paths, name: &str) -> Option<Self> {
        let fields = entry(&paths.passwd(), name)?;
        let number = |at: usize| fields.get(at)?.parse().ok();
        Some(Self {
            uid: number(2)?,
            gid: number(3)?,
        })
    }

    /// Gives a file to it; a link itself, not what it leads to.
    ///
    /// # Errors
    /// [`FileError`]. Without the right to change owners, files keep ours.
    pub fn give(self, path: &Path) -> Result<(), FileError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| failed("change the owner of", path)(errno.into()))
    }
}

/// The home of a user, if there is one of this name.
#[must_use]
pub fn home(paths: &Paths, name: &str) -> Option<PathBuf> {
    let fields = entry(&paths.passwd(), name)?;
    Some(fields.get(5).map(PathBuf::from).unwrap_or_default())
}

/// A group's number.
#[must_use]
pub fn group(paths: &Paths, name: &str) -> Option<u32> {
    entry(&paths.group(), name)?.get(2)?.parse().ok()
}

/// Names of all users.
#[must_use]
pub fn users(paths: &Paths) -> Vec<String> {
    let text = std::fs::read_to_string(paths.passwd()).unwrap_or_default();
    let name = |line: &str| line.split_once(':').map(|(name, _)| name.to_owned());
    text.lines().filter_map(name).collect()
}

fn entry(file: &Path, name: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    Some(line.split(':').map(str::to_owned).collect())
}
