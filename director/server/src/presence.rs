//! Which processes of a home still live, so that a director that starts again takes up at once what a
//! killed one left, and does not wait until its leases are over.
//!
//! On disk: `workers/NAME`, empty, locked with `flock` by the process of that name for as long as it
//! lives. The kernel lets go of the lock however the process ends; a file that can be locked is of a
//! dead one. Unlike pids, that holds across pid namespaces and starts of the machine.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use warren_director_store::uuid;

use crate::Error;

/// A process that is there. Ends with the process or when it is dropped; its file stays, because what
/// it worked on is still to be taken up.
#[derive(Debug)]
pub struct Presence {
    directory: PathBuf,
    name: String,
    _locked: File,
}

impl Presence {
    /// Says that this process is there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn new(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(at("make", directory))?;
        let name = uuid::new();
        // Under its own name only when it is locked, or it would be taken for dead.
        let hidden = directory.join(format!(".{name}"));
        let locked = open(&hidden).map_err(at("make", &hidden))?;
        locked.lock().map_err(at("lock", &hidden))?;
        fs::rename(&hidden, directory.join(&name)).map_err(at("name", &hidden))?;
        Ok(Self {
            directory: directory.to_owned(),
            name,
            _locked: locked,
        })
    }

    /// The name of this process.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the dead that have not been [forgotten](Self::forget).
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn departed(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(at("read", &self.directory))? {
            let entry = entry.map_err(at("read", &self.directory))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name == self.name || name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            let file = match open(&path) {
                Ok(file) => file,
                // Another one has forgotten it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(at("open", &path)(source)),
            };
            match file.try_lock() {
                Ok(()) => names.push(name),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(at("lock", &path)(source)),
            }
        }
        Ok(names)
    }

    /// Whether the process of that name lives.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn lives(&self, name: &str) -> Result<bool, Error> {
        if name == self.name {
            return Ok(true);
        }
        let path = self.directory.join(name);
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(at("open", &path)(source)),
        };
        match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(at("lock", &path)(source)),
        }
    }

    /// Removes what tells of a dead one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn forget(&self, name: &str) -> Result<(), Error> {
        let path = self.directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let made = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    OpenOptions::new().write(true).create(made).open(path)
}

fn at(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { step, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_told_from_the_living_and_forgotten_once() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("workers");
        let dead = Presence::new(&directory).unwrap();
        let living = Presence::new(&directory).unwrap();
        let me = Presence::new(&directory).unwrap();
        assert_eq!(me.departed().unwrap(), Vec::<String>::new());
        let name = dead.name().to_owned();
        assert!(me.lives(&name).unwrap());
        drop(dead);
        assert!(!me.lives(&name).unwrap());
        assert!(!me.lives("nobody").unwrap());
        assert_eq!(me.departed().unwrap(), std::slice::from_ref(&name));
        // Until it is forgotten, for what was its may still be somebody's to take.
        assert_eq!(living.departed().unwrap(), std::slice::from_ref(&name));
        me.forget(&name).unwrap();
        me.forget(&name).unwrap();
        assert_eq!(me.departed().unwrap(), Vec::<String>::new());
    }
}
