//! Unmaking images, finding them again, and sweeping up after crashes.

use std::collections::HashSet;
use std::path::Path;

use super::state::Kept;
use super::{Damaged, Image, checked_id};
use crate::driver::{Rung, unmount_all};
use crate::layer::Digest;
use crate::store::lock::{Hold, Lock};
use crate::store::{Error, SourceError, Store, io, work};

impl Store {
    /// Unmounts and removes an image; `false` if there is none, which is no error.
    ///
    /// # Errors
    /// [`Error::InvalidId`], [`Error::Driver`] if it cannot be unmounted, [`Error::Io`]. Calling it
    /// again goes on where it stopped.
    pub fn destroy(&self, id: &str) -> Result<bool, Error> {
        let id = checked_id(id)?;
        let path = self.lock_path("image", id);
        let lock = Lock::wait(&path, Hold::Exclusive).map_err(io("lock", &path))?;
        let was_there = self.destroy_locked(id)?;
        lock.retire().map_err(io("remove", &path))?;
        Ok(was_there)
    }

    /// The same, but files are left to a thread that [`Store::empty_in_background`] has started, and may
    /// be there for a while when this returns. Where they count against a limit, they are not.
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub fn destroy_soon(&self, id: &str) -> Result<bool, Error> {
        let id = checked_id(id)?;
        let path = self.lock_path("image", id);
        let lock = Lock::wait(&path, Hold::Exclusive).map_err(io("lock", &path))?;
        let was_there = match self.has_projects(id)? {
            true => self.destroy_locked(id)?,
            false => {
                let was_there = self.unmake(id)?;
                self.discard_soon(&self.images().join(id), id)?;
                was_there
            }
        };
        lock.retire().map_err(io("remove", &path))?;
        Ok(was_there)
    }

    /// The images that are ready, of the owner that the store was opened for.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<String>, Error> {
        let mut ids = self.list_all()?;
        // What cannot be read is whoever's who asks, or it would be nobody's.
        ids.retain(|id| self.kept(id).map_or(true, |kept| kept.owner == self.owner));
        Ok(ids)
    }

    /// All images that are ready, whoever made them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list_all(&self) -> Result<Vec<String>, Error> {
        let mut ids = self.image_names()?;
        ids.retain(|id| self.images().join(id).join("ready").exists());
        ids.sort();
        Ok(ids)
    }

    /// An image.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidId`].
    pub fn image(&self, id: &str) -> Result<Image, Error> {
        let kept = self.kept(checked_id(id)?)?;
        Ok(self.image_of(id, kept))
    }

    pub(super) fn image_of(&self, id: &str, kept: Kept) -> Image {
        Image {
            id: id.to_owned(),
            rootfs: self.images().join(id).join("rootfs"),
            layers: kept.layers,
            rung: kept.rung,
            quota: kept.quota,
        }
    }

    pub(super) fn kept(&self, id: &str) -> Result<Kept, Error> {
        if !self.images().join(id).join("ready").exists() {
            return Err(Error::NotFound { id: id.to_owned() });
        }
        let kept = self.read_kept(id)?;
        match kept.project {
            Some(project) if !self.has_project(project)? => Ok(kept.without_project()),
            _ => Ok(kept),
        }
    }

    fn read_kept(&self, id: &str) -> Result<Kept, Error> {
        let path = self.images().join(id).join("image.json");
        let read = std::fs::read(&path).map_err(SourceError::from);
        let kept = read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
        kept.map_err(|source| match self.images().join(id).exists() {
            true => Error::Damaged { path, source },
            // It has just been destroyed.
            false => Error::NotFound { id: id.to_owned() },
        })
    }

    pub(super) fn destroy_locked(&self, id: &str) -> Result<bool, Error> {
        let was_there = self.unmake(id)?;
        self.discard(&self.images().join(id), id)?;
        // Last: as long as something of it is there, its project is nobody else's.
        self.release_projects_of(id)?;
        Ok(was_there)
    }

    /// Removes all of it but the directory, which is done with; whether there is one.
    fn unmake(&self, id: &str) -> Result<bool, Error> {
        let directory = self.images().join(id);
        let failed = self.driver_error(id);
        // From here on it is half gone, and opening the store finishes it.
        let ready = directory.join("ready");
        match std::fs::remove_file(&ready) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            removed => removed.map_err(io("remove", &ready))?,
        }
        for name in ["rootfs", "scratch"] {
            unmount_all(&directory.join(name)).map_err(&failed)?;
        }
        // Looked for even without an `image.json`: it may be damaged, and there are few.
        for other in self.other_places() {
            let path = self.elsewhere(other).join(id);
            work::remove(&path).map_err(io("remove", &path))?;
            // Fails as long as it holds those of other images.
            let _ = std::fs::remove_dir(self.elsewhere(other));
        }
        Ok(directory.exists())
    }

    /// Directories outside the store that upper layers may be in.
    fn other_places(&self) -> Vec<&Path> {
        let rungs = self.report().rungs.iter().map(|tried| &tried.rung);
        let places = rungs
            .chain([&self.report().chosen])
            .filter_map(|rung| match rung {
                Rung::OverlayElsewhere(path) => Some(path.as_path()),
                _ => None,
            });
        places.collect()
    }

    /// Destroys images that never got ready and nobody is making; answers how many.
    pub(crate) fn sweep_images(&self) -> Result<usize, Error> {
        let mut swept = 0;
        for id in self.image_names()? {
            if self.images().join(&id).join("ready").exists() {
                continue;
            }
            let path = self.lock_path("image", &id);
            let Some(lock) = Lock::attempt(&path).map_err(io("lock", &path))? else {
                continue;
            };
            // It may have become ready meanwhile.
            if !self.images().join(&id).join("ready").exists() && self.destroy_locked(&id)? {
                swept += 1;
                lock.retire().map_err(io("remove", &path))?;
            }
        }
        Ok(swept)
    }

    /// Layers of all images, ready or not, and the images of which that cannot be told. Even one
    /// that is not ready may still be mounted.
    pub(crate) fn layers_of_images(&self) -> Result<(HashSet<Digest>, Vec<Damaged>), Error> {
        let mut layers = HashSet::new();
        let mut damaged = Vec::new();
        for id in self.image_names()? {
            match self.read_kept(&id) {
                Ok(kept) => layers.extend(kept.layers),
                Err(Error::NotFound { .. }) => {}
                Err(error) => damaged.push(Damaged {
                    id,
                    why: warren_lib_errchain::chain(&error),
                }),
            }
        }
        Ok((layers, damaged))
    }

    fn image_names(&self) -> Result<Vec<String>, Error> {
        let images = self.images();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&images).map_err(io("list", &images))? {
            let name = entry.map_err(io("list", &images))?.file_name();
            names.extend(name.into_string().ok());
        }
        Ok(names)
    }
}
