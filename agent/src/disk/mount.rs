//! Mounting and unmounting a persistent disk.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, stat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};

use super::{DiskError, hints, is_mount_point, is_mounted_at, migrate, options};
use crate::agent::Agent;
use crate::files;
use crate::owner::Owner;
use crate::say;

/// How long a busy disk is tried to be unmounted.
pub(super) const BUSY: Duration = Duration::from_secs(120);
/// File systems a device is tried as, unless the settings name one.
const FILE_SYSTEMS: [&str; 2] = ["ext4", "xfs"];

/// Mounts a disk at `store`, or beside it if `store` holds another one; it is there already is
/// fine.
///
/// # Errors
/// [`DiskError`].
pub fn mount_disk(agent: &Agent, cid: &str) -> Result<(), DiskError> {
    agent.settings.reload()?;
    let disk = hints::find(agent, cid)?;
    let (store, target) = (agent.paths.store(), agent.paths.migration_target());
    if is_mounted_at(&disk, &store) {
        return keep(agent, cid);
    }
    if is_mounted_at(&disk, &target) {
        return Ok(());
    }
    let at_store = store.clone();
    let place = match (is_mount_point(&store), is_mount_point(&target)) {
        (false, _) => store,
        (true, false) => target,
        (true, true) => return Err(DiskError::BothTaken(store, target)),
    };
    attach(agent, cid, &disk, &place)?;
    // The other place is on the way: until all is copied a boot finds the disk that has it.
    if place == at_store {
        keep(agent, cid)?;
    }
    say!("disk", "mounted {cid} at {}", place.display());
    Ok(())
}

/// Has this disk mounted at boot.
fn keep(agent: &Agent, cid: &str) -> Result<(), DiskError> {
    let path = agent.paths.managed_disk();
    if files::read_if_there(&path)?.as_deref() == Some(cid.as_bytes()) {
        return Ok(());
    }
    Ok(files::write(&path, cid.as_bytes(), 0o644, Owner::ROOT)?)
}

/// Has the disk mounted at boot that is at `store` now; its id, if it is a known one.
///
/// # Errors
/// [`DiskError`].
pub(super) fn keep_what_is_at_store(agent: &Agent) -> Result<Option<String>, DiskError> {
    let store = agent.paths.store();
    for (cid, hint) in hints::all(agent)? {
        if let Ok(path) = hints::path(agent, &cid, &hint)
            && is_mounted_at(&path, &store)
        {
            keep(agent, &cid)?;
            return Ok(Some(cid));
        }
    }
    Ok(None)
}

fn attach(agent: &Agent, cid: &str, disk: &Path, place: &Path) -> Result<(), DiskError> {
    files::directory(place, 0o700, Owner::ROOT)?;
    let failed = |step| {
        move |source| DiskError::Mount {
            step,
            path: place.to_owned(),
            source,
        }
    };
    let about = stat(disk).map_err(|source| DiskError::Mount {
        step: "find the disk at",
        path: disk.to_owned(),
        source,
    })?;
    let options = options::of(agent);
    match FileType::from_raw_mode(about.st_mode) {
        FileType::Directory => {
            mount_bind(disk, place).map_err(failed("bind the disk to"))?;
            if !options.data.is_empty() {
                let words = &options.data;
                say!("disk", "no effect on {cid}, which is a directory: {words}");
            }
            let flags = options.flags & options::OF_A_BIND;
            if flags.is_empty() {
                return Ok(());
            }
            let done = mount_remount(place, MountFlags::BIND | flags, "");
            if done.is_err() {
                // Not as it was asked for; the error of that is told.
                let _secondary = unmount(place, UnmountFlags::empty());
            }
            done.map_err(failed("set the mount options of the disk at"))
        }
        FileType::BlockDevice => {
            let wanted = agent.settings.settings().env.persistent_disk_fs;
            let mut kinds: Vec<&str> = FILE_SYSTEMS.to_vec();
            if !wanted.is_empty() {
                kinds = vec![&wanted];
            }
            let data = std::ffi::CString::new(options.data).unwrap_or_default();
            for kind in kinds {
                match mount(disk, place, kind, options.flags, data.as_c_str()) {
                    // Another file system, or none.
                    Err(Errno::INVAL | Errno::NODEV) => {}
                    done => return done.map_err(failed("mount the disk at")),
                }
            }
            Err(DiskError::Kind {
                cid: cid.to_owned(),
                path: disk.to_owned(),
            })
        }
        _ => Err(DiskError::Kind {
            cid: cid.to_owned(),
            path: disk.to_owned(),
        }),
    }
}

/// Unmounts a disk; one that is not mounted is fine. Tells whether it was.
///
/// # Errors
/// [`DiskError`].
pub fn unmount_disk(agent: &Agent, cid: &str) -> Result<bool, DiskError> {
    agent.settings.reload()?;
    let disk = hints::find(agent, cid)?;
    for place in [agent.paths.store(), agent.paths.migration_target()] {
        if is_mounted_at(&disk, &place) {
            detach(&place, BUSY)?;
            say!("disk", "unmounted {cid}");
            return Ok(true);
        }
    }
    Ok(false)
}

/// Unmounts what is at a place; what is busy is tried again for as long as that.
///
/// # Errors
/// [`DiskError::Mount`].
pub fn detach(place: &Path, patience: Duration) -> Result<(), DiskError> {
    let deadline = Instant::now() + patience;
    loop {
        match unmount(place, UnmountFlags::empty()) {
            Err(Errno::BUSY) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(100));
            }
            done => {
                let failed = |source| DiskError::Mount {
                    step: "unmount",
                    path: place.to_owned(),
                    source,
                };
                return done.map_err(failed);
            }
        }
    }
}

/// At boot: the disk that was at `store` is mounted again. If one is there, the agent ended and not the
/// VM; what it was about is settled.
///
/// # Errors
/// [`DiskError`].
pub fn mount_last(agent: &Agent) -> Result<Option<String>, DiskError> {
    if is_mount_point(&agent.paths.store()) {
        migrate::settle(agent)?;
        return keep_what_is_at_store(agent);
    }
    let bytes = files::read_if_there(&agent.paths.managed_disk())?;
    let cid = bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    let Some(cid) = cid.filter(|cid| !cid.is_empty()) else {
        return Ok(None);
    };
    match mount_disk(agent, &cid) {
        // It was detached while we were away.
        Err(DiskError::Unknown(_)) => Ok(None),
        done => done.map(|()| Some(cid)),
    }
}
