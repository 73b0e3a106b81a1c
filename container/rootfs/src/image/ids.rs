//! Owners of a root file system that are not those in its layers.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, move_mount};
use warren_sys_process::idmap;
use warren_sys_process::user_namespace::Map;

use crate::driver::{Error, Overlay, Step, mount_overlay, unmount_all};

/// The ids of a user namespace, applied to layers: they show its owners without being changed, so
/// that containers with and without user namespaces share them.
#[derive(Debug, Clone)]
pub struct Ids {
    namespace: Arc<OwnedFd>,
    root: (u32, u32),
    maps: Vec<Map>,
}

impl Ids {
    /// A user namespace, and what its user and group 0 are outside.
    pub fn new(namespace: OwnedFd, root: (u32, u32)) -> Self {
        Self {
            namespace: Arc::new(namespace),
            root,
            maps: Vec::new(),
        }
    }

    /// Adds what the namespace's ids are, of users and groups alike. With that, where mounts cannot
    /// show other owners, a copy of the layers with other owners is made and kept instead.
    #[must_use]
    pub fn with_maps(mut self, maps: Vec<Map>) -> Self {
        self.maps = maps;
        self
    }

    /// Empty where they are not known.
    pub(crate) fn maps(&self) -> &[Map] {
        &self.maps
    }

    /// What user and group 0 of the namespace are outside.
    pub fn root(&self) -> (u32, u32) {
        self.root
    }

    /// Mounts an overlay whose layers are mapped. Overlayfs takes mapped layers only from places,
    /// so they are mounted below `lower` for that moment.
    pub(crate) fn mount_mapped(
        &self,
        overlay: &Overlay,
        lower: &Path,
        target: &Path,
    ) -> Result<(), Error> {
        let mut mapped = overlay.clone();
        let mut places = Vec::new();
        let mut attach = || {
            for (number, layer) in mapped.lower.iter_mut().enumerate() {
                let error = Error::at(Step::MapIds);
                let place = lower.join(number.to_string());
                std::fs::create_dir_all(&place).map_err(Error::io(Step::Prepare))?;
                let mount = warren_sys_mount::clone_of(layer).map_err(error)?;
                idmap::apply(mount.as_fd(), self.namespace.as_fd()).map_err(error)?;
                let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
                move_mount(&mount, "", CWD, &place, flags).map_err(error)?;
                places.push(place.clone());
                *layer = place;
            }
            Ok(())
        };
        let outcome = attach().and_then(|()| mount_overlay(&mapped, target));
        for place in &places {
            unmount_all(place)?;
        }
        outcome
    }
}
