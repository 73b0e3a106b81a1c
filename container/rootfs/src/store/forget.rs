//! What is known of layers and images that are gone: sources, names of preloaded images, locks.
//!
//! A lock's file may go whenever nobody holds the lock, see `lock`; it stays as long as what it is
//! for is there, only so that it need not be made again. What names a layer goes under the lock of
//! whoever writes it. A crash in between leaves something for the next time.

use std::path::Path;

use super::lock::Lock;
use super::shared::known_in;
use super::{Error, Store, io, whole};
use crate::layer::Digest;

impl Store {
    /// Removes what is left of what is gone. Never waits for anybody.
    pub(super) fn forget_gone(&self) -> Result<(), Error> {
        for name in self.names_in("sources")? {
            // One that is being written has an ending, and the lock of the whole.
            let digits = name.split_once('.').map_or(&*name, |(digits, _)| digits);
            let path = self.root.join("sources").join(&name);
            let is_gone = || match known_in(&path) {
                Ok(Some(layer)) => name != digits || !self.has(&layer),
                Ok(None) => false,
                // It names nothing: the source is read anew.
                Err(Error::Damaged { .. }) => true,
                Err(_) => false,
            };
            self.forget(&path, &self.lock_path("source", digits), is_gone)?;
        }
        let lock = self.lock_path("store", "preloaded");
        for name in self.names_in("preloaded")? {
            let path = self.root.join("preloaded").join(&name);
            let is_gone = || name.contains('.') || !self.is_all_here(&path);
            self.forget(&path, &lock, is_gone)?;
        }
        whole::sweep(self.root())?;
        whole::sweep(&self.root().join("pins"))?;
        for name in self.names_in("locks")? {
            if self.is_of_what_is_gone(&name) {
                let path = self.root.join("locks").join(&name);
                if let Some(lock) = Lock::attempt(&path).map_err(io("lock", &path))? {
                    // It may have been made meanwhile; then it makes no difference.
                    lock.retire().map_err(io("remove", &path))?;
                }
            }
        }
        Ok(())
    }

    /// Removes one file, unless somebody is at it.
    fn forget(&self, path: &Path, lock: &Path, is_gone: impl Fn() -> bool) -> Result<(), Error> {
        if !is_gone() {
            return Ok(());
        }
        let Some(_lock) = Lock::attempt(lock).map_err(io("lock", lock))? else {
            return Ok(());
        };
        if !is_gone() {
            return Ok(());
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(io("remove", path)),
        }
    }

    fn is_of_what_is_gone(&self, lock: &str) -> bool {
        let Some((kind, name)) = lock.split_once('-') else {
            return false;
        };
        let there = |folder: &str| self.root.join(folder).join(name).exists();
        match kind {
            "layer" | "making" => match Digest::from_hex(name) {
                Ok(layer) => !there("merged") && !self.has(&layer),
                Err(_) => true,
            },
            "source" => !there("sources"),
            "image" => !there("images"),
            // Held only while owners' copies are made.
            "merged" => true,
            // Of the store itself.
            _ => false,
        }
    }

    fn names_in(&self, folder: &str) -> Result<Vec<String>, Error> {
        let path = self.root.join(folder);
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io("list", &path))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(io("list", &path))?.file_name();
            names.extend(name.into_string().ok());
        }
        Ok(names)
    }
}
