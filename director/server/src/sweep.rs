//! Clears away what processes have left that are gone.
//!
//! ```text
//! HOME/uploads/PROCESS/   what the API takes in, until a task has it
//! HOME/work/PROCESS/      what a worker has unpacked
//! HOME/metrics/PROCESS    where a process was asked what it has counted
//! HOME/blobs/.writing/PROCESS/   blobs that were not finished
//! ```
//!
//! Each process has a place of its own name in them, so that one that starts does not take what
//! another works with. An upload whose task is still to be done stays, whoever took it in.

use std::fs;
use std::io;
use std::path::Path;

use warren_director_blobstore::WRITING;
use warren_director_store::{Store, tasks};

use crate::home::failed;
use crate::presence::Presence;
use crate::{Error, Home};

/// Clears away what is nobody's.
///
/// # Errors
/// [`Error`].
pub async fn sweep(home: &Home, presence: &Presence, store: &Store) -> Result<(), Error> {
    // Who lives is asked before tasks are read: a process that enqueues one meanwhile lives.
    let uploads = departed(&home.path("uploads"), presence)?;
    let wanted = tasks::open_payloads(store.pool()).await?;
    for path in uploads {
        clear(&path, &|path| {
            let path = path.to_string_lossy();
            wanted.iter().any(|payload| payload.contains(path.as_ref()))
        })?;
    }
    let writing = home.path("blobs").join(WRITING);
    for folder in [home.path("work"), home.path("metrics"), writing] {
        for path in departed(&folder, presence)? {
            clear(&path, &|_| false)?;
        }
    }
    Ok(())
}

/// Entries of a directory that are of no process that lives.
fn departed(directory: &Path, presence: &Presence) -> Result<Vec<std::path::PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed("read", directory))? {
        let entry = entry.map_err(failed("read", directory))?;
        let name = entry.file_name();
        let lives = match name.to_str() {
            Some(name) => presence.lives(name)?,
            None => false,
        };
        if !lives {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes a file, or a directory with all files but those that are kept.
fn clear(path: &Path, kept: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
    let is_directory = match fs::symlink_metadata(path) {
        Ok(found) => found.is_dir(),
        // Another process that starts clears away as well.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("look at", path)(source)),
    };
    let removed = if is_directory {
        match fs::read_dir(path) {
            Ok(entries) => {
                for entry in entries {
                    clear(&entry.map_err(failed("read", path))?.path(), kept)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(failed("read", path)(source)),
        }
        fs::remove_dir(path)
    } else if kept(path) {
        Ok(())
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(failed("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_keeps_its_directory() {
        let home = tempfile::tempdir().unwrap();
        let of = |name: &str| home.path().join("gone").join(name);
        fs::create_dir_all(of("unpacked/deep")).unwrap();
        for name in ["wanted", "unwanted", "unpacked/deep/file"] {
            fs::write(of(name), "x").unwrap();
        }
        clear(&home.path().join("gone"), &|path| path.ends_with("wanted")).unwrap();
        let left: Vec<_> = fs::read_dir(home.path().join("gone"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["wanted"]);
        clear(&home.path().join("gone"), &|_| false).unwrap();
        assert!(!home.path().join("gone").exists());
        clear(&home.path().join("gone"), &|_| false).unwrap();
    }
}
