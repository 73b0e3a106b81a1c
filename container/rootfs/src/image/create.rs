//! Making images.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::merge::shift_owners;
use super::project::give_project;
use super::state::Kept;
use super::{Ids, Image, Quota, checked_id};
use crate::driver::{self, Overlay, Rung, Step, mount_fuse, mount_overlay, mount_tmpfs};
use crate::store::lock::{Hold, Lock};
use crate::store::work::Work;
use crate::store::{Error, Lease, Store, io, is_full};

/// An image to be made.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its id: no `/`, at most 200 bytes.
    pub id: &'a str,
    /// Its layers, lowest first.
    pub layers: &'a [Lease],
    /// Most bytes that may be written to it; how that is kept, [`Image::quota`] tells.
    pub quota: Option<u64>,
    /// Owners, if they are not those in the layers.
    pub ids: Option<&'a Ids>,
}

/// An overlay that the caller mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmounted {
    /// Layers, topmost first.
    pub lower: Vec<PathBuf>,
    /// Where what is written goes.
    pub upper: PathBuf,
    /// Overlayfs's own directory.
    pub work: PathBuf,
    /// Whether it takes the mount option `userxattr`.
    pub userxattr: bool,
}

impl Store {
    /// Makes a root file system and mounts it, in the caller's mount namespace. If there is no room,
    /// as there may be on rungs that copy, layers that nothing uses are removed, once.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], [`Error::InvalidId`], [`Error::NoLayers`], [`Error::Driver`],
    /// [`Error::Io`]; nothing is left then.
    pub fn create(&self, request: Request<'_>) -> Result<Image, Error> {
        match self.create_mounted(request) {
            Err(error) if is_full(&error) => {
                self.clear();
                self.create_mounted(request)
            }
            done => done,
        }
    }

    fn create_mounted(&self, request: Request<'_>) -> Result<Image, Error> {
        let (image, ()) = self.create_as(request, |kept| {
            self.assemble(request.id, kept, request.layers, request.ids)
        })?;
        Ok(image)
    }

    fn create_as<T>(
        &self,
        request: Request<'_>,
        assemble: impl FnOnce(&Kept) -> Result<T, Error>,
    ) -> Result<(Image, T), Error> {
        let id = checked_id(request.id)?;
        if request.layers.is_empty() {
            return Err(Error::NoLayers);
        }
        let path = self.lock_path("image", id);
        let lock = Lock::wait(&path, Hold::Exclusive).map_err(io("lock", &path))?;
        let directory = self.images().join(id);
        if directory.join("ready").exists() {
            return Err(Error::AlreadyExists { id: id.to_owned() });
        }
        self.destroy_locked(id)?;
        let make = || {
            let kept = self.plan(&request)?;
            self.place(id, &kept)?;
            let made = assemble(&kept)?;
            self.limit(id, &kept)?;
            self.mark_ready(id)?;
            Ok((kept, made))
        };
        let (kept, made) = match make() {
            Ok(made) => made,
            Err(error) => {
                // The first failure is the one to tell; what is left, opening the store removes.
                let _ = self.destroy_locked(id);
                return Err(error);
            }
        };
        drop(lock);
        Ok((self.image_of(id, kept), made))
    }

    /// Makes a root file system for a caller who mounts it; a rung that copies needs no mount.
    ///
    /// # Errors
    /// As [`create`](Self::create), and [`Error::Driver`] where the rung cannot be left to others:
    /// only an overlay with unmapped owners can.
    pub fn create_unmounted(
        &self,
        request: Request<'_>,
    ) -> Result<(Image, Option<Unmounted>), Error> {
        let rung = &self.report().chosen;
        let can =
            matches!(rung, Rung::Overlay | Rung::OverlayElsewhere(_)) && request.ids.is_none();
        if !can && rung.is_layered() {
            let source = driver::Error::at(Step::Mount)(Errno::OPNOTSUPP)
                .with("this way of making it cannot be left to the caller");
            return Err(self.driver_error(request.id)(source));
        }
        self.create_as(request, |kept| {
            if !kept.rung.is_layered() {
                self.assemble(request.id, kept, request.layers, None)?;
                return Ok(None);
            }
            let overlay = self.overlay(request.id, kept, request.layers, None)?;
            Ok(Some(Unmounted {
                lower: overlay.lower,
                upper: overlay.upper,
                work: overlay.work,
                userxattr: overlay.userxattr,
            }))
        })
    }

    /// Mounts an image again, after a restart of the machine or in another mount namespace. Mounted
    /// already is fine. With the rung overlay-tmpfs what was written is gone.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoLayer`], [`Error::Driver`].
    pub fn mount(&self, id: &str, ids: Option<&Ids>) -> Result<Image, Error> {
        let id = checked_id(id)?;
        let path = self.lock_path("image", id);
        let _lock = Lock::wait(&path, Hold::Exclusive).map_err(io("lock", &path))?;
        let kept = self.kept(id)?;
        let image = self.image_of(id, kept.clone());
        if !kept.rung.is_layered() || is_mount_point(&image.rootfs)? {
            return Ok(image);
        }
        let lease = |layer: &crate::layer::Digest| {
            self.lease(*layer)?.ok_or(Error::NoLayer { layer: *layer })
        };
        let leases = kept
            .layers
            .iter()
            .map(lease)
            .collect::<Result<Vec<_>, _>>()?;
        if kept.is_mapped && ids.is_none() {
            let source = driver::Error::at(Step::MapIds)(Errno::INVAL)
                .with("the image was made with mapped ids, which are needed again");
            return Err(self.driver_error(id)(source));
        }
        self.assemble(id, &kept, &leases, ids)?;
        Ok(image)
    }

    fn plan(&self, request: &Request<'_>) -> Result<Kept, Error> {
        let rung = self.report().chosen.clone();
        let mut base_bytes = 0u64;
        for lease in request.layers {
            base_bytes = base_bytes.saturating_add(lease.info()?.bytes);
        }
        let project = self.claim_project(request.id, &rung)?;
        Ok(Kept {
            layers: request.layers.iter().map(Lease::layer).collect(),
            quota: match (request.quota, &rung, project) {
                (None, _, _) => Quota::None,
                (Some(bytes), Rung::OverlayTmpfs, _) => Quota::Tmpfs { bytes },
                (Some(bytes), _, Some(_)) => Quota::Project { bytes },
                (Some(bytes), _, None) => Quota::Accounting { bytes },
            },
            project,
            rung,
            base_bytes,
            is_mapped: request.ids.is_some(),
            owner: self.owner.clone(),
        })
    }

    /// From here on the layers are in use.
    fn place(&self, id: &str, kept: &Kept) -> Result<(), Error> {
        let tmp = self.tmp();
        let work = Work::new(&tmp).map_err(io("make a directory in", &tmp))?;
        let made = work.path().join("image");
        make(&made, 0o711)?;
        make(&made.join("rootfs"), 0o755)?;
        let path = made.join("image.json");
        let json = serde_json::to_vec_pretty(kept).map_err(|source| Error::Damaged {
            path: path.clone(),
            source: source.into(),
        })?;
        fs::write(&path, json).map_err(io("write", &path))?;
        let target = self.images().join(id);
        fs::rename(&made, &target).map_err(io("put into place", &target))
    }

    fn mark_ready(&self, id: &str) -> Result<(), Error> {
        let path = self.images().join(id).join("ready");
        fs::write(&path, b"").map_err(io("write", &path))
    }

    fn assemble(
        &self,
        id: &str,
        kept: &Kept,
        layers: &[Lease],
        ids: Option<&Ids>,
    ) -> Result<(), Error> {
        let directory = self.images().join(id);
        let rootfs = directory.join("rootfs");
        let failed = self.driver_error(id);
        let shifted = self.shifted_ids(kept, ids);
        if !kept.rung.is_layered() {
            if ids.is_some() && shifted.is_none() {
                let source = driver::Error::at(Step::MapIds)(Errno::OPNOTSUPP)
                    .with("a copied root file system keeps the owners of its layers");
                return Err(failed(source));
            }
            give_project(kept, &rootfs)?;
            self.merge(id, kept, layers, &rootfs)?;
            return match shifted {
                Some(ids) => shift_owners(&rootfs, ids).map_err(failed),
                None => Ok(()),
            };
        }
        let overlay = self.overlay(id, kept, layers, ids)?;
        // Layers that have the owners already need no mapping.
        let ids = ids.filter(|_| shifted.is_none());
        match (&kept.rung, ids) {
            (Rung::FuseOverlay, None) => mount_fuse(&overlay, &rootfs),
            (Rung::FuseOverlay, Some(_)) => {
                let error = driver::Error::at(Step::MapIds)(Errno::OPNOTSUPP);
                Err(error.with("fuse-overlayfs"))
            }
            (_, Some(ids)) => ids.mount_mapped(&overlay, &directory.join("lower"), &rootfs),
            (_, None) => mount_overlay(&overlay, &rootfs),
        }
        .map_err(failed)
    }

    /// The ids to be given to a copy of the layers, because they cannot be shown by a mount.
    fn shifted_ids<'a>(&self, kept: &Kept, ids: Option<&'a Ids>) -> Option<&'a Ids> {
        let is_overlay = kept.rung.is_layered() && kept.rung != Rung::FuseOverlay;
        let can_show = is_overlay && self.report().mapped_ids.works();
        ids.filter(|ids| !ids.maps().is_empty() && !can_show)
    }

    /// What is to be mounted, its directories made.
    fn overlay(
        &self,
        id: &str,
        kept: &Kept,
        layers: &[Lease],
        ids: Option<&Ids>,
    ) -> Result<Overlay, Error> {
        let directory = self.images().join(id);
        let failed = self.driver_error(id);
        let upper_in = match &kept.rung {
            Rung::OverlayElsewhere(other) => {
                let path = self.elsewhere(other).join(id);
                let mut builder = DirBuilder::new();
                builder.recursive(true).mode(0o711);
                builder.create(&path).map_err(io("make", &path))?;
                path
            }
            Rung::OverlayTmpfs => {
                let path = directory.join("scratch");
                make(&path, 0o711)?;
                if !is_mount_point(&path)? {
                    mount_tmpfs(&path, kept.quota.bytes()).map_err(&failed)?;
                }
                path
            }
            _ => directory.clone(),
        };
        let lower = match self.shifted_ids(kept, ids) {
            Some(ids) => vec![self.merged(layers, Some(ids))?],
            None => self.lower(layers)?,
        };
        let overlay = Overlay {
            upper: upper_in.join("upper"),
            work: upper_in.join("work"),
            userxattr: self.report().userxattr,
            redirect_dir: self.report().redirect_dir,
            volatile: self.volatile && kept.rung != Rung::FuseOverlay,
            lower,
        };
        if let Some(top) = layers.last() {
            make_upper(&overlay.upper, &top.diff(), ids)?;
        }
        if overlay.volatile && overlay.work.exists() {
            // The kernel's mark that what is in the upper layer may not have reached the disk,
            // which matters to whoever comes after a crash of the machine: not here.
            crate::store::work::remove(&overlay.work).map_err(io("remove", &overlay.work))?;
        }
        make(&overlay.work, 0o700)?;
        // Overlayfs makes files in one and moves them to the other.
        for directory in [&overlay.upper, &overlay.work] {
            give_project(kept, directory)?;
        }
        Ok(overlay)
    }

    /// The layers' directories, topmost first; those that hide something are of no use to an
    /// overlay where the store cannot hold its marks.
    fn lower(&self, layers: &[Lease]) -> Result<Vec<PathBuf>, Error> {
        if !self.report().markers.is_complete() && layers.len() > 1 {
            for layer in &layers[1..] {
                if !layer.hidden()?.is_empty() {
                    let merged = self.merged(layers, None)?;
                    return Ok(vec![merged]);
                }
            }
        }
        Ok(layers.iter().rev().map(Lease::diff).collect())
    }

    /// Where upper layers on another file system are.
    pub(super) fn elsewhere(&self, directory: &Path) -> PathBuf {
        directory.join(format!("warren-rootfs-{}", self.id()))
    }

    pub(super) fn driver_error(&self, id: &str) -> impl Fn(driver::Error) -> Error + use<> {
        let id = id.to_owned();
        move |source| Error::Driver {
            id: id.clone(),
            source,
        }
    }
}

/// The root directory of an overlay shows the owner and mode of its upper directory: those of the
/// topmost layer's root.
fn make_upper(upper: &Path, like: &Path, ids: Option<&Ids>) -> Result<(), Error> {
    if upper.exists() {
        return Ok(());
    }
    make(upper, 0o755)?;
    let meta = fs::metadata(like).map_err(io("look at", like))?;
    let (uid, gid) = ids.map_or((meta.uid(), meta.gid()), Ids::root);
    std::os::unix::fs::chown(upper, Some(uid), Some(gid)).map_err(io("change owner of", upper))?;
    let mode = fs::Permissions::from_mode(meta.mode() & 0o7777);
    fs::set_permissions(upper, mode).map_err(io("set the mode of", upper))
}

/// A directory with exactly this mode; there already is fine.
pub(super) fn make(path: &Path, mode: u32) -> Result<(), Error> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        made => made.map_err(io("make", path))?,
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(io("set the mode of", path))
}

/// Asked of the kernel, without reading the table of all mounts.
pub(super) fn is_mount_point(path: &Path) -> Result<bool, Error> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    match statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty()) {
        Ok(stat) => Ok(stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(io("look at", path)(errno)),
    }
}
