//! A machine's parts outside of its container, and the mark of one that is being made.
//!
//! ```text
//! marked ─► directories ─► container ─► settings ─► agent ─► mark gone: made
//!    └─ its maker dies: the lock is free; the next create_vm removes all parts, then the mark
//! ```

use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::mount::MountPropagationFlags;
use warren_garden_client::Client;
use warren_wire_cpi::ErrorKind;
use warren_wire_garden::error::text::BEING_DESTROYED;
use warren_wire_garden::info::ContainerInfo;

use crate::lock::Machine;
use crate::mounts::{bind, clear, missing_is_fine, remove_mount_points};
use crate::name::is_id;
use crate::place::Places;
use crate::{Error, mounts};

/// How Garden calls a container whose processes have ended.
const STOPPED: &str = ContainerInfo::STOPPED;
/// How long somebody else's removal of the same container is waited for.
const OTHERS: Duration = Duration::from_secs(60);

/// The mark of a machine that is being made. Dropping it leaves the mark, unlocked.
pub(crate) struct Mark {
    path: PathBuf,
    _lock: File,
}

impl Mark {
    /// Marks a machine.
    pub(crate) fn new(places: &Places, cid: &str) -> Result<Self, Error> {
        let directory = places.making();
        std::fs::create_dir_all(&directory)
            .map_err(Error::host("make the directory", &directory))?;
        // Nobody looks at marks between the making of one and its lock.
        let _turn = turn(&directory)?;
        let path = directory.join(cid);
        let lock = open(&path).map_err(Error::host("make the mark", &path))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(Error::errno("lock", &path))?;
        Ok(Self { path, _lock: lock })
    }

    /// Takes the mark of a machine that was made, or that nobody makes any more; `None` while its maker
    /// is at work.
    pub(crate) fn take(places: &Places, cid: &str) -> Result<Option<Self>, Error> {
        let directory = places.making();
        std::fs::create_dir_all(&directory)
            .map_err(Error::host("make the directory", &directory))?;
        let _turn = turn(&directory)?;
        let path = directory.join(cid);
        let lock = open(&path).map_err(Error::host("make the mark", &path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { path, _lock: lock })),
            Err(_) => Ok(None),
        }
    }

    /// The machine is made, or all of it is gone.
    pub(crate) fn remove(self) -> Result<(), Error> {
        missing_is_fine(std::fs::remove_file(&self.path))
            .map_err(Error::host("remove the mark", &self.path))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path)
}

/// The right to make or judge marks; free when dropped.
fn turn(directory: &Path) -> Result<File, Error> {
    let file = File::open(directory).map_err(Error::host("open", directory))?;
    flock(&file, FlockOperation::LockExclusive).map_err(Error::errno("lock", directory))?;
    Ok(file)
}

/// Removes what makers that died have left. One failure does not keep the others; what stays is
/// tried again the next time.
pub(crate) fn sweep(places: &Places, garden: &Client) -> Vec<String> {
    let mut told = Vec::new();
    for (cid, mark) in abandoned(places).unwrap_or_default() {
        match remove(places, garden, &cid).and_then(|()| mark.remove()) {
            Ok(()) => told.push(format!("removed VM {cid}, whose maker had died")),
            Err(error) => told.push(format!(
                "cannot remove VM {cid}, whose maker had died: {}",
                warren_lib_errchain::chain(&error)
            )),
        }
    }
    told
}

/// Machines whose makers died, with their marks, which are ours now.
fn abandoned(places: &Places) -> Result<Vec<(String, Mark)>, Error> {
    let directory = places.making();
    let paths = mounts::entries(&directory)?;
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let _turn = turn(&directory)?;
    let mut found = Vec::new();
    for path in paths {
        let cid = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Ok(lock) = File::open(&path) else {
            continue;
        };
        if !is_id(&cid) || flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            continue;
        }
        // One that its maker removed meanwhile is of a machine that is whole.
        if lock.metadata().is_ok_and(|about| about.nlink() > 0) {
            found.push((cid, Mark { path, _lock: lock }));
        }
    }
    Ok(found)
}

/// Makes the directories that the container is given, and their mounts.
pub(crate) fn make_directories(places: &Places, cid: &str) -> Result<(), Error> {
    let (data, disks, guest) = (
        places.ephemeral(cid),
        places.persistent(cid),
        places.guest(cid),
    );
    for path in [&data, &disks, &guest] {
        std::fs::create_dir_all(path).map_err(Error::host("make the directory", path))?;
    }
    // What is mounted inside below /var/vcap/data stays inside.
    bind(&data, &data, MountPropagationFlags::PRIVATE)?;
    // A clone of a slave is a slave: the container hears of disks and cannot take them away.
    bind(&disks, &disks, MountPropagationFlags::PRIVATE)?;
    mount_shared(&disks)?;
    bind(&disks, &guest, MountPropagationFlags::DOWNSTREAM)
}

/// Private first, so that it is not a peer of what it was cloned of.
fn mount_shared(path: &Path) -> Result<(), Error> {
    rustix::mount::mount_change(path, MountPropagationFlags::SHARED)
        .map_err(Error::errno("share", path))
}

/// Removes all of a machine that there is.
pub(crate) fn remove(places: &Places, garden: &Client, cid: &str) -> Result<(), Error> {
    // Whoever changes the machine under its lock is not waited for, but ends with the container.
    remove_container(garden, cid)?;
    let locked = match Machine::new(places, cid) {
        // What is removed makes room. And where no lock can be made, nobody has one.
        Err(error) if error.kind() == ErrorKind::NoDiskSpace => None,
        locked => Some(locked?),
    };
    remove_directories(places, cid)?;
    locked.map_or(Ok(()), Machine::forget)
}

/// Removes a container and waits until it is gone; one that is not there is fine.
pub(crate) fn remove_container(garden: &Client, cid: &str) -> Result<(), Error> {
    let deadline = Instant::now() + OTHERS;
    loop {
        let Err(error) = garden.destroy(cid) else {
            return Ok(());
        };
        if error.is_unknown_container() {
            return Ok(());
        }
        let is_others = error
            .refusal()
            .is_some_and(|said| said.to_string().contains(BEING_DESTROYED));
        if !is_others || Instant::now() > deadline {
            return Err(Error::garden(format!("destroy the container {cid}"), cid)(
                error,
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Removes the directories and their mounts. Disks stay: they are unmounted, and only empty mount
/// points are removed.
pub(crate) fn remove_directories(places: &Places, cid: &str) -> Result<(), Error> {
    let (data, disks, guest) = (
        places.ephemeral(cid),
        places.persistent(cid),
        places.guest(cid),
    );
    clear(&guest)?;
    missing_is_fine(std::fs::remove_dir(&guest)).map_err(Error::host("remove", &guest))?;
    clear(&disks)?;
    remove_mount_points(&disks)?;
    clear(&data)?;
    warren_lib_tree::remove_all(&data).map_err(Error::host("remove", &data))
}

/// Where a machine's disk is mounted on the host, if it is.
pub(crate) fn disk_mount(places: &Places, vm: &str, disk: &str) -> Result<Option<PathBuf>, Error> {
    let point = places.persistent(vm).join(disk);
    Ok(mounts::is_mount_point(&mounts::table()?, &point).then_some(point))
}

/// The disks of a machine, as the mount table knows them.
pub(crate) fn disks(places: &Places, vm: &str) -> Result<Vec<String>, Error> {
    let directory = places.persistent(vm);
    let table = mounts::table()?;
    let mut found: Vec<String> = mounts::below(&table, &directory)
        .iter()
        .filter(|point| point.parent() == Some(directory.as_path()))
        .filter_map(|point| Some(point.file_name()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// The machine that has a disk.
pub(crate) fn owner_of(places: &Places, disk: &str) -> Result<Option<String>, Error> {
    let table = mounts::table()?;
    let owner = table.iter().find_map(|mount| {
        let path = mount
            .mount_point
            .strip_prefix(places.all_persistent())
            .ok()?;
        let (vm, name) = path.to_str()?.split_once('/')?;
        (is_id(vm) && name == disk).then(|| vm.to_owned())
    });
    Ok(owner)
}

/// Fails unless there is such a machine.
pub(crate) fn expect(garden: &Client, cid: &str) -> Result<(), Error> {
    match exists(garden, cid)? {
        true => Ok(()),
        false => Err(Error::VmNotFound(cid.to_owned())),
    }
}

/// Whether there is such a machine, and it can run: a container whose first process has ended never
/// runs again. Nothing is asked about other containers.
pub(crate) fn exists(garden: &Client, cid: &str) -> Result<bool, Error> {
    if !is_id(cid) {
        return Ok(false);
    }
    match garden.info(cid) {
        // Said of one that has ended, and of one that was told to stop its processes.
        Ok(info) if info.state == STOPPED => can_run(garden, cid),
        Ok(_) => Ok(true),
        Err(error) if error.is_unknown_container() => Ok(false),
        Err(error) => Err(Error::garden(format!("look for the container {cid}"), cid)(
            error,
        )),
    }
}

/// Whether anything can be had from inside.
fn can_run(garden: &Client, cid: &str) -> Result<bool, Error> {
    match garden.stream_out(cid, "root", "/etc/hostname") {
        Ok(_) => Ok(true),
        Err(error) if error.refusal().is_some() => Ok(false),
        Err(error) => Err(Error::garden(format!("look into the container {cid}"), cid)(error)),
    }
}
