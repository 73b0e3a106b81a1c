//! A place for the images of a server inside a container.
//!
//! A container's root file system is usually an overlay, and an overlay's writable layer cannot be
//! on an overlay: a server inside would be left with memory, or with copying all files. So each
//! privileged container gets a directory of the file system that holds our own writable layers,
//! bound to where a server keeps its images, `/var/lib/warren`. That is the machine's file system at
//! every depth, as each server inside passes on what it was given.
//!
//! ```text
//! STORE/nested/NAME/    or DIR/nested/NAME, if writable layers are in another DIR (--upper-dir)
//! ```
//!
//! Nothing is bound if our own writable layers are not on a file system (in memory, or copies: the
//! server inside then finds out by itself), or if the container has a bind of its own there, above
//! it or below it. A limit of the container's disk does not count what is in it.
//!
//! What is mounted inside stays inside, also where this machine's mounts are shared, as with systemd; and
//! what somebody mounts here from outside is never entered when the directory is removed.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::store::Store;
use warren_container_runtime::spec::Bind;
use warren_lib_tree::remove_all;
use warren_wire_garden::Error;

use super::error;
use super::state::file_name;

/// Where a server keeps its images if not told otherwise.
const INSIDE: &str = "/var/lib/warren";

/// The directories of all containers.
#[derive(Debug)]
pub(super) struct Nested {
    /// None where there is no file system for them.
    directory: Option<PathBuf>,
}

impl Nested {
    /// For a server with this store.
    pub(super) fn new(store: &Store) -> Self {
        let directory = match &store.report().chosen {
            Rung::Overlay => Some(store.root()),
            Rung::OverlayElsewhere(directory) => Some(directory.as_path()),
            _ => None,
        };
        Self {
            directory: directory.map(|directory| directory.join("nested")),
        }
    }

    /// Makes a container's directory, if it is to have one; answers how to bind it.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn make(&self, handle: &str, binds: &[Bind]) -> Result<Option<Bind>, Error> {
        let Some(directory) = self.directory.as_ref().filter(|_| !is_taken(binds)) else {
            return Ok(None);
        };
        let source = directory.join(file_name(handle));
        let make = |path: &Path, mode| DirBuilder::new().recursive(true).mode(mode).create(path);
        make(directory, 0o711)
            .and_then(|()| make(&source, 0o755))
            .map_err(error::step("make a place for images inside"))?;
        Ok(Some(Bind {
            source,
            destination: INSIDE.into(),
            writable: true,
            // What a server inside mounts is of no use out here, and would outlive it.
            private: true,
        }))
    }

    /// Removes a container's directory; nothing there is fine.
    ///
    /// # Errors
    /// It cannot be removed; this can be repeated.
    pub(super) fn remove(&self, handle: &str) -> std::io::Result<()> {
        self.remove_named(&file_name(handle))
    }

    fn remove_named(&self, name: &str) -> std::io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        remove_all(&directory.join(name)).map_err(|error| match error.kind() {
            ErrorKind::CrossesDevices => std::io::Error::new(
                error.kind(),
                format!(
                    "something is mounted below {}; unmount it, and destroy the container again",
                    directory.join(name).display()
                ),
            ),
            _ => error,
        })
    }

    /// Removes the directories of all containers but these.
    ///
    /// # Errors
    /// One that cannot be removed.
    pub(super) fn keep_only(&self, handles: &[String]) -> std::io::Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let names: Vec<String> = handles.iter().map(|handle| file_name(handle)).collect();
        for entry in entries {
            match entry?.file_name().to_str() {
                Some(name) if !names.iter().any(|known| known == name) => {
                    self.remove_named(name)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a bind is at the place, above it or below it.
fn is_taken(binds: &[Bind]) -> bool {
    let inside = Path::new(INSIDE);
    binds.iter().any(|bind| {
        // Normalised: doubled slashes and dots do not count.
        let at: PathBuf = bind.destination.components().collect();
        inside.starts_with(&at) || at.starts_with(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binds(destinations: &[&str]) -> Vec<Bind> {
        let bind = |destination: &&str| Bind {
            source: "/x".into(),
            destination: destination.into(),
            writable: true,
            private: false,
        };
        destinations.iter().map(bind).collect()
    }

    #[test]
    fn a_bind_of_the_client_wins() {
        for taken in [
            "/var/lib/warren",
            "/var/lib//warren/.",
            "/var/lib",
            "/",
            "/var/lib/warren/garden/store",
        ] {
            assert!(is_taken(&binds(&["/data", taken])), "{taken}");
        }
        assert!(!is_taken(&binds(&[
            "/var/lib/warrens",
            "/var/vcap",
            "/lib"
        ])));
    }

    #[test]
    fn directories_come_and_go() {
        let root = tempfile::tempdir().unwrap();
        let nested = Nested {
            directory: Some(root.path().join("nested")),
        };
        nested.keep_only(&[]).unwrap();
        for handle in ["a", "b/c", "gone"] {
            let bind = nested.make(handle, &[]).unwrap().unwrap();
            fs::write(bind.source.join("file"), "x").unwrap();
            assert_eq!(bind.destination, Path::new(INSIDE));
        }
        assert_eq!(nested.make("d", &binds(&["/var"])).unwrap(), None);
        nested
            .keep_only(&["a".to_owned(), "b/c".to_owned()])
            .unwrap();
        assert_eq!(fs::read_dir(root.path().join("nested")).unwrap().count(), 2);
        nested.remove("b/c").unwrap();
        nested.remove("b/c").unwrap();
        assert_eq!(fs::read_dir(root.path().join("nested")).unwrap().count(), 1);
    }
}
