//! Disks: files with a file system, or directories where such a file cannot be mounted.
//!
//! ```text
//! detached ── attach ──► mounted at HostPersistentBindMountsDir/VM/DISK ── detach ──► detached
//!    ├── resize, delete                       (seen inside at /warden-cpi-dev/DISK)
//!    └── snapshot (also while attached: writers are held back, or the copy is one instant's)
//! ```
//!
//! Every change of a disk is made under its lock, so that two machines never get the same one.

mod copy;
mod file;
mod info;

use std::path::Path;

use rustix::mount::mount_bind;

pub(crate) use copy::copy;
pub(crate) use info::{Info, Locked};

use crate::config::DiskKind;
use crate::name::is_id;
use crate::place::Places;
use crate::{Error, vm};

/// What to do with the size of a directory.
pub(crate) const NOT_ENFORCED: &str = "its size is written down, not enforced";

/// Whether there is such a disk.
pub(crate) fn exists(places: &Places, cid: &str) -> bool {
    is_id(cid) && places.disk(cid).exists()
}

/// Takes a disk's lock, if there is such a disk.
pub(crate) fn lock(places: &Places, cid: &str) -> Result<Locked, Error> {
    if !exists(places, cid) {
        return Err(Error::DiskNotFound(cid.to_owned()));
    }
    let locked = Locked::new(places, cid)?;
    // It may have been deleted while its lock was waited for.
    match exists(places, cid) {
        true => Ok(locked),
        false => {
            locked.forget()?;
            Err(Error::DiskNotFound(cid.to_owned()))
        }
    }
}

/// Makes a disk; what is to be told about it.
pub(crate) fn create(
    places: &Places,
    cid: &str,
    mebibytes: u64,
    kind: DiskKind,
) -> Result<Option<String>, Error> {
    let locked = Locked::new(places, cid)?;
    let path = places.disk(cid);
    if path.exists() {
        return Err(Error::InUse {
            what: format!("id '{cid}'"),
            by: "another disk".to_owned(),
        });
    }
    let made = make(&path, mebibytes, kind);
    let done = made.and_then(|note| {
        locked.save(&Info {
            mebibytes,
            ..Info::default()
        })?;
        Ok(note)
    });
    if done.is_err() {
        // The reason is worth more than what is left, which has no id that anybody knows.
        let _ = remove_files(&path);
        let _ = locked.forget();
    }
    done
}

fn make(path: &Path, mebibytes: u64, kind: DiskKind) -> Result<Option<String>, Error> {
    let unusable = match kind {
        DiskKind::Directory => None,
        DiskKind::File => return file::create(path, mebibytes).map(|()| None),
        DiskKind::Auto => match file::create(path, mebibytes) {
            Ok(()) => return Ok(None),
            Err(error) if error.kind() == warren_wire_cpi::ErrorKind::NoDiskSpace => {
                return Err(error);
            }
            Err(error) => {
                remove_files(path)?;
                Some(error)
            }
        },
    };
    std::fs::create_dir_all(path).map_err(Error::host("make the directory", path))?;
    let why = unusable.map(|error| warren_lib_errchain::chain(&error));
    let why = why.unwrap_or_else(|| "as configured".to_owned());
    Ok(Some(format!(
        "the disk is a directory ({why}); {NOT_ENFORCED}"
    )))
}

/// Mounts a disk at a directory of the host.
pub(crate) fn mount(places: &Places, cid: &str, point: &Path) -> Result<(), Error> {
    let path = places.disk(cid);
    std::fs::create_dir_all(point).map_err(Error::host("make the mount point", point))?;
    let mounted = match path.is_dir() {
        true => mount_bind(&path, point).map_err(Error::errno("bind the disk to", point)),
        false => file::mount(&path, point),
    };
    if mounted.is_err() {
        // Empty, or somebody's who was quicker.
        let _ = std::fs::remove_dir(point);
    }
    mounted
}

/// Who else has the disk in use: a machine, or a loop device.
pub(crate) fn user_of(places: &Places, cid: &str) -> Result<Option<String>, Error> {
    if let Some(vm) = vm::owner_of(places, cid)? {
        return Ok(Some(format!("attached to VM '{vm}'")));
    }
    let path = places.disk(cid);
    if path.is_dir() {
        return Ok(None);
    }
    let devices = file::devices(&path)?;
    Ok((!devices.is_empty()).then(|| format!("mounted from {}", devices.join(", "))))
}

/// Fails if the disk is in use.
pub(crate) fn expect_unused(places: &Places, cid: &str) -> Result<(), Error> {
    match user_of(places, cid)? {
        None => Ok(()),
        Some(by) => Err(Error::InUse {
            what: format!("disk '{cid}'"),
            by,
        }),
    }
}

/// Makes a disk larger.
pub(crate) fn grow(places: &Places, cid: &str, mebibytes: u64) -> Result<(), Error> {
    match places.disk(cid) {
        path if path.is_dir() => Ok(()),
        path => file::grow(&path, mebibytes),
    }
}

/// The size of a disk in MiB; of a directory as written down.
pub(crate) fn size(places: &Places, cid: &str, info: &Info) -> Result<u64, Error> {
    let path = places.disk(cid);
    let about = std::fs::metadata(&path).map_err(Error::host("look at", &path))?;
    match about.is_dir() {
        true => Ok(info.mebibytes),
        false => Ok(about.len() >> 20),
    }
}

/// Removes a disk's or snapshot's bytes; nothing may be mounted from or in it.
pub(crate) fn remove_files(path: &Path) -> Result<(), Error> {
    warren_lib_tree::remove_all(path).map_err(Error::host("remove", path))
}

/// Where a disk's mounts inside a machine are from, for its mount table.
pub(crate) fn origin_inside(places: &Places, cid: &str) -> Result<Vec<Origin>, Error> {
    let path = places.disk(cid);
    if path.is_dir() {
        return Ok(vec![Origin::Root(format!("/{cid}"))]);
    }
    let devices = file::devices(&path)?;
    Ok(devices
        .iter()
        .filter_map(|name| file::number(name))
        .map(Origin::Device)
        .collect())
}

/// See [`origin_inside`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `major:minor`.
    Device(String),
    /// The end of the directory within its file system.
    Root(String),
}
