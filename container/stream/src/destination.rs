//! The directory that a stream goes into, made where it is missing.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use rustix::fs::{CWD, Gid, Mode, OFlags, Uid, fchmod, fchown, mkdirat, openat};
use rustix::io::Errno;

use crate::error::{Error, Step, failed};

/// Who is to own what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Opens the directory `destination` of the container, for [`extract`](crate::extract()).
///
/// A relative path starts from `home`, which must exist. Directories that are missing are made with
/// mode 0755 and given to `owner`; those that exist are left as they are. To be called with the
/// rights of the container's root user, as the user itself need not be able to write there.
///
/// # Errors
/// [`Error::Entry`].
pub fn prepare_destination(
    home: &Path,
    destination: &Path,
    owner: Owner,
) -> Result<OwnedFd, Error> {
    let mut at = open(None, home.as_os_str().as_bytes()).map_err(at_step(Step::Resolve, home))?;
    let mut path = home.to_path_buf();
    for component in destination.components() {
        path.push(component);
        let name = component.as_os_str().as_bytes();
        at = match open(Some(&at), name) {
            Err(Errno::NOENT) if matches!(component, Component::Normal(_)) => {
                // EEXIST: a symbolic link to nowhere.
                mkdirat(&at, name, Mode::RWXU).map_err(at_step(Step::Create, &path))?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
                let made = openat(&at, name, flags | OFlags::CLOEXEC, Mode::empty())
                    .map_err(at_step(Step::Resolve, &path))?;
                let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
                fchown(&made, Some(uid), Some(gid)).map_err(at_step(Step::ChangeOwner, &path))?;
                // Not in mkdir's argument, which the umask would change.
                fchmod(&made, Mode::from_raw_mode(0o755))
                    .map_err(at_step(Step::ChangeMode, &path))?;
                made
            }
            found => found.map_err(at_step(Step::Resolve, &path))?,
        };
    }
    Ok(at)
}

fn at_step(step: Step, path: &Path) -> impl Fn(Errno) -> Error + Copy {
    failed(step, path.as_os_str().as_bytes())
}

fn open(at: Option<&OwnedFd>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match at {
        Some(at) => openat(at, name, flags, Mode::empty()),
        None => openat(CWD, name, flags, Mode::empty()),
    }
}
