//! Places inside a container's root: mount points, working directories.
//!
//! All paths here are looked up by a process whose root directory is the container's, so that no
//! link leads out of it.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};

use super::error::Failure;

/// As many as the kernel follows.
const MOST_LINKS: u32 = 40;

/// Attaches a mount at a path, which is made if it is missing: a directory for the root of a
/// directory, else a file.
pub(super) fn attach(mount: impl AsFd, path: &Path) -> Result<(), Failure> {
    let failed = |step| move |errno| Failure::new(step, path.display(), errno);
    let stat = rustix::fs::fstat(mount.as_fd()).map_err(failed("look at what is mounted at"))?;
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    make(path, is_directory, None).map_err(failed("make the mount point"))?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    move_mount(mount, "", CWD, path, flags).map_err(failed("mount at"))
}

/// Makes a directory with its parents, all that are new owned by `owner`; one that exists stays as
/// it is.
pub(super) fn make_directory(path: &Path, owner: (u32, u32)) -> Result<(), Errno> {
    let owner = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
    make(path, true, Some(owner))
}

/// Walks down the path, following links, and makes what is missing.
fn make(path: &Path, directory: bool, owner: Option<(Uid, Gid)>) -> Result<(), Errno> {
    let mut links = 0;
    let mut done = PathBuf::from("/");
    let mut left: Vec<OsString> = parts(path);
    while let Some(part) = left.pop() {
        let here = done.join(&part);
        let is_last = left.is_empty();
        match rustix::fs::statat(CWD, &here, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::LOOP);
                }
                // A magic link leads where no path does; what it leads to exists or not.
                if here.starts_with("/proc") {
                    done = here;
                    continue;
                }
                let text = rustix::fs::readlinkat(CWD, &here, Vec::new())?;
                let to = PathBuf::from(OsString::from_vec(text.into_bytes()));
                if to.is_absolute() {
                    done = PathBuf::from("/");
                }
                left.extend(parts(&to));
            }
            Ok(stat) => {
                let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
                match (is_directory, directory || !is_last) {
                    (false, true) => return Err(Errno::NOTDIR),
                    (true, false) => return Err(Errno::ISDIR),
                    _ => done = normal(here),
                }
            }
            Err(Errno::NOENT) => {
                create(&here, directory || !is_last)?;
                if let Some((uid, gid)) = owner {
                    let flags = AtFlags::SYMLINK_NOFOLLOW;
                    rustix::fs::chownat(CWD, &here, Some(uid), Some(gid), flags)?;
                }
                done = here;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn create(path: &Path, directory: bool) -> Result<(), Errno> {
    if directory {
        return rustix::fs::mkdirat(CWD, path, Mode::from_raw_mode(0o755));
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::from_raw_mode(0o644)).map(drop)
}

/// The names of a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        _ => None,
    });
    let mut names: Vec<OsString> = names.collect();
    names.reverse();
    names
}

/// Without a `..` at its end; what comes before it is no link.
fn normal(path: PathBuf) -> PathBuf {
    match path.components().next_back() {
        Some(Component::ParentDir) => {
            let above = path.parent().and_then(Path::parent);
            above.unwrap_or(Path::new("/")).to_owned()
        }
        _ => path,
    }
}
