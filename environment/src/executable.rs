//! The executable of an environment: a copy in its home, for what runs there stays as it was built.
//!
//! Servers, containers and what is in them were started by it, with words and files that it understands.
//! Whoever has another one asks it to start, stop and remove what is its own; `up` puts another in its place
//! when nothing of the environment runs.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{Error, files};

/// Where it is.
pub(crate) fn path(home: &Path) -> PathBuf {
    home.join("bin/warren")
}

/// That of an environment, if it is there and is another than the one that asks.
pub fn another(home: &Path) -> Option<PathBuf> {
    let kept = path(home);
    let own = std::env::current_exe().ok()?;
    let is_same = is_same(&own, &kept).ok()?;
    (!is_same).then_some(kept)
}

/// Keeps a copy, so that an executable that is built anew does not change what runs.
pub(crate) fn keep(home: &Path, from: &Path) -> Result<PathBuf, Error> {
    let to = path(home);
    files::directory(&home.join("bin"), 0o755)?;
    if !is_same(from, &to).unwrap_or_default() {
        let new = home.join("bin/warren.new");
        fs::copy(from, &new)
            .and_then(|_| fs::rename(&new, &to))
            .map_err(Error::file("copy the executable to", &to))?;
    }
    Ok(to)
}

/// Whether two files are one, or have the same content.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (a, b) = (fs::metadata(one)?, fs::metadata(other)?);
    if (a.dev(), a.ino()) == (b.dev(), b.ino()) {
        return Ok(true);
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (File::open(one)?, File::open(other)?);
    let (mut here, mut there) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let length = a.read(&mut here)?;
        let (Some(here), Some(there)) = (here.get(..length), there.get_mut(..length)) else {
            return Ok(false);
        };
        if length == 0 {
            return Ok(true);
        }
        b.read_exact(there)?;
        if here != there {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_executable_is_one_with_another_content() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        assert_eq!(another(home), None);
        let own = std::env::current_exe().unwrap();
        let kept = keep(home, &own).unwrap();
        assert_eq!(another(home), None);
        // As long as it was, and the last byte differs.
        let mut bytes = fs::read(&own).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        let other = home.join("other");
        fs::write(&other, &bytes).unwrap();
        assert_eq!(keep(home, &other).unwrap(), kept);
        assert_eq!(fs::read(&kept).unwrap(), bytes);
        assert_eq!(another(home), Some(kept.clone()));
        fs::remove_file(&kept).unwrap();
        std::os::unix::fs::symlink(&own, &kept).unwrap();
        assert_eq!(another(home), None);
    }
}
