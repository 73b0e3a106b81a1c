//! A file that is there whole or not at all.

use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A file in the making.
pub struct Output {
    file: NamedTempFile,
    path: PathBuf,
}

impl Output {
    /// Begins one beside where it is to be.
    pub fn new(path: &Path) -> Result<Self, Failure> {
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let mut builder = tempfile::Builder::new();
        let made = builder
            .prefix(".new-")
            .permissions(permissions)
            .tempfile_in(parent);
        let file = made.map_err(|error| {
            Failure::text(format!("making a file in {}: {error}", parent.display()))
        })?;
        let path = path.to_owned();
        Ok(Self { file, path })
    }

    /// Where to write.
    pub fn file(&self) -> &std::fs::File {
        self.file.as_file()
    }

    /// Puts it into its place.
    pub fn put(self) -> Result<(), Failure> {
        let path = self.path;
        let put = self.file.persist(&path);
        put.map(|_| ()).map_err(|error| {
            Failure::text(format!(
                "putting {} into place: {}",
                path.display(),
                error.error
            ))
        })
    }
}
