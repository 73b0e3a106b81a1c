//! Layers copied into one directory: for rungs that copy, where a store cannot hold overlayfs's marks,
//! and where owners cannot be shown by mounts.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::Ids;
use super::create::make;
use super::state::Kept;
use crate::driver::{self, Rung, Step};
use crate::store::lock::{Hold, Lock};
use crate::store::work::Work;
use crate::store::{Error, Lease, Store, io};
use crate::tree::{Method, copy};

impl Store {
    /// Copies all layers, lowest first, into one tree.
    pub(super) fn merge(
        &self,
        id: &str,
        kept: &Kept,
        layers: &[Lease],
        to: &Path,
    ) -> Result<(), Error> {
        let method = match kept.rung {
            Rung::Reflink => Method::Reflink,
            _ => Method::Copy,
        };
        merge_into(layers, to, method).map_err(|error| match error {
            MergeError::Store(error) => error,
            MergeError::Driver(source) => self.driver_error(id)(source),
        })
    }

    /// One directory with the content of these layers, made once for all images of them with these
    /// owners. Kept with the topmost layer, so that it goes with that.
    pub(super) fn merged(&self, layers: &[Lease], ids: Option<&Ids>) -> Result<PathBuf, Error> {
        let mut chain: String = layers.iter().map(|lease| lease.layer().hex()).collect();
        if let Some(ids) = ids {
            chain += &format!("{:?}", ids.maps());
        }
        let name = format!(
            "merged-{}",
            crate::layer::Digest::of(chain.as_bytes()).hex()
        );
        let top = layers.last().ok_or(Error::NoLayers)?;
        let target = top.own().join(&name);
        let path = self.lock_path("merged", &name);
        let _lock = Lock::wait(&path, Hold::Exclusive).map_err(io("lock", &path))?;
        if target.exists() {
            return Ok(target);
        }
        let tmp = self.tmp();
        let work = Work::new(&tmp).map_err(io("make a directory in", &tmp))?;
        let made = work.path().join("merged");
        make(&made, 0o755)?;
        merge_into(layers, &made, Method::Copy).map_err(|error| match error {
            MergeError::Store(error) => error,
            MergeError::Driver(source) => self.driver_error(&name)(source),
        })?;
        if let Some(ids) = ids {
            shift_owners(&made, ids).map_err(self.driver_error(&name))?;
        }
        let directory = fs::File::open(&made).map_err(io("open", &made))?;
        rustix::fs::syncfs(&directory).map_err(io("sync", &made))?;
        fs::create_dir_all(top.own()).map_err(io("make", top.own()))?;
        fs::rename(&made, &target).map_err(io("put into place", &target))?;
        Ok(target)
    }
}

/// Gives all of a tree to others.
pub(super) fn shift_owners(tree: &Path, ids: &Ids) -> Result<(), driver::Error> {
    let opened = fs::File::open(tree).map_err(driver::Error::io(Step::MapIds))?;
    crate::tree::shift(opened.as_fd(), ids.maps()).map_err(driver::Error::at(Step::MapIds))
}

enum MergeError {
    Store(Error),
    Driver(driver::Error),
}

fn merge_into(layers: &[Lease], to: &Path, method: Method) -> Result<(), MergeError> {
    let open = |path: &Path| {
        let opened = fs::File::open(path);
        opened.map_err(|error| MergeError::Store(io("open", path)(error)))
    };
    let target = open(to)?;
    for layer in layers {
        let hidden = layer.hidden().map_err(MergeError::Store)?;
        let failed = |source| {
            MergeError::Driver(driver::Error {
                step: Step::Copy,
                detail: Some(format!("layer {}", layer.layer())),
                source,
            })
        };
        for path in &hidden.opaque {
            crate::tree::empty_beneath(target.as_fd(), path).map_err(failed)?;
        }
        for path in &hidden.whiteouts {
            crate::tree::remove_beneath(target.as_fd(), path).map_err(failed)?;
        }
        let source = open(&layer.diff())?;
        let skip = |path: &[u8]| hidden.whiteouts.contains(path);
        copy(source.as_fd(), target.as_fd(), method, &skip).map_err(|error| {
            MergeError::Driver(driver::Error {
                step: Step::Copy,
                detail: Some(error.path),
                source: error.source,
            })
        })?;
    }
    Ok(())
}
