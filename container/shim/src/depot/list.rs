//! What is on disk.

use std::fs;
use std::path::Path;

use super::{Depot, Error};
use crate::record::Record;
use crate::spec::{ContainerSpec, Place};

/// A container that the depot has.
#[derive(Debug)]
pub struct Found {
    /// Its handle.
    pub handle: String,
    /// What was asked for.
    pub spec: ContainerSpec,
    /// Whether its shim lives. If not, all there is left to do is [`Depot::destroy`].
    pub alive: bool,
}

impl Depot {
    /// All containers, by handle, living and dead. Asks no shim.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`].
    pub fn list(&self) -> Result<Vec<Found>, Error> {
        let mut found = Vec::new();
        for name in self.names()? {
            if name.starts_with('.') {
                continue;
            }
            let directory = self.directory.join(&name);
            if let Some(spec) = read_spec(&directory)? {
                found.push(Found {
                    handle: spec.handle.clone(),
                    spec,
                    alive: Record::load(&directory).is_some_and(|record| record.shim.is_alive()),
                });
            }
        }
        found.sort_by(|a, b| a.handle.cmp(&b.handle));
        Ok(found)
    }

    /// The groups that a container's are below, as they were when it was asked for; `None` if there is no
    /// such container.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`].
    pub fn parent(&self, handle: &str) -> Result<Option<Place>, Error> {
        let spec = read_spec(&self.path(handle))?;
        Ok(spec.map(|spec| spec.cgroup.parent))
    }

    /// Removes what a crash has left half made or half removed.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        for name in self.names()? {
            if name.starts_with(".making-") || name.starts_with(".removing-") {
                let path = self.directory.join(name);
                fs::remove_dir_all(&path).map_err(Error::io("remove", path))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let list = |error| Error::io("list", &self.directory)(error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(list)? {
            let entry = entry.map_err(list)?;
            // Nothing of ours has a name that is not UTF-8.
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}

/// `None` if the directory is no container's, or has just gone.
pub(super) fn read_spec(directory: &Path) -> Result<Option<ContainerSpec>, Error> {
    let path = directory.join("container.json");
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Malformed { path, source }),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(source) => Err(Error::io("read", path)(source)),
    }
}
