//! Layers whose entries go below a directory of the image.
//!
//! The layer holds that directory and those above it; lying over others, they would cover the
//! owners and modes of the same directories there. So these are taken from the layers below, and
//! are part of the layer's identity.

use std::fs::{DirBuilder, Metadata, Permissions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Error, Lease, io};
use crate::layer::{Digest, DigestOfMany, Hidden, components};

/// Owner, group and mode.
type Attributes = (u32, u32, u32);

/// A base directory with what is known of it.
#[derive(Debug)]
pub(crate) struct Base {
    /// Of the image's root.
    root: Attributes,
    /// Each directory on the way, with its whole path from the root.
    steps: Vec<(PathBuf, Attributes)>,
}

impl Base {
    /// The base directory `path` of a layer that lies over `below`, lowest first.
    pub(crate) fn over(below: &[&Lease], path: &Path) -> Result<Self, Error> {
        let invalid = |source: crate::layer::InvalidPath| Error::Damaged {
            path: path.to_owned(),
            source: source.into(),
        };
        let mut steps: Vec<(PathBuf, Attributes)> = Vec::new();
        let mut whole = PathBuf::new();
        for name in components(path.as_os_str().as_bytes()).map_err(invalid)? {
            whole.push(std::ffi::OsStr::from_bytes(name));
            let found = below.iter().rev().find_map(|lease| seen(lease, &whole));
            steps.push((whole.clone(), found.unwrap_or((0, 0, 0o755))));
        }
        let root = below.last().and_then(|lease| seen(lease, Path::new("")));
        Ok(Self {
            root: root.unwrap_or((0, 0, 0o755)),
            steps,
        })
    }

    /// What something known by `digest` is known by when it is below this directory.
    pub(crate) fn identity(&self, digest: &Digest) -> Digest {
        let mut all = DigestOfMany::new(b"base directory");
        all.add(digest.hex().as_bytes());
        all.add(format!("{:?}", self.root).as_bytes());
        for (path, attributes) in &self.steps {
            all.add(path.as_os_str().as_bytes());
            all.add(format!("{attributes:?}").as_bytes());
        }
        all.finish()
    }

    /// Makes it below `diff`; answers where it is.
    pub(crate) fn make_in(&self, diff: &Path) -> Result<PathBuf, Error> {
        give(diff, self.root)?;
        let mut last = diff.to_owned();
        for (path, attributes) in &self.steps {
            last = diff.join(path);
            let mut builder = DirBuilder::new();
            builder
                .mode(0o700)
                .create(&last)
                .map_err(io("make", &last))?;
            give(&last, *attributes)?;
        }
        Ok(last)
    }

    /// Paths from the image's root.
    pub(crate) fn hidden(&self, inside: &Hidden) -> Hidden {
        let base = self.steps.last().map(|(path, _)| path.as_path());
        let base = base.unwrap_or(Path::new(""));
        let lift = |path: &Vec<u8>| match path.as_slice() {
            b"" => base.as_os_str().as_bytes().to_vec(),
            path => base
                .join(std::ffi::OsStr::from_bytes(path))
                .into_os_string()
                .into_vec(),
        };
        Hidden {
            whiteouts: inside.whiteouts.iter().map(lift).collect(),
            opaque: inside.opaque.iter().map(lift).collect(),
        }
    }
}

/// A directory of a layer, if no link of the layer is on the way.
fn seen(lease: &Lease, path: &Path) -> Option<Attributes> {
    let mut at = lease.diff();
    let mut meta: Metadata = std::fs::symlink_metadata(&at).ok()?;
    for component in path {
        at.push(component);
        meta = std::fs::symlink_metadata(&at)
            .ok()
            .filter(Metadata::is_dir)?;
    }
    Some((meta.uid(), meta.gid(), meta.mode() & 0o7777))
}

fn give(path: &Path, (uid, gid, mode): Attributes) -> Result<(), Error> {
    std::os::unix::fs::chown(path, Some(uid), Some(gid)).map_err(io("change owner of", path))?;
    let mode = Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(io("set the mode of", path))
}
