//! Removing a tree.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, openat2, renameat, unlinkat};
use rustix::io::Errno;

/// A directory this deep is moved to the top before it is taken apart.
const DEEPEST: usize = 64;

/// A directory that is no mount point.
fn open(
    parent: BorrowedFd<'_>,
    name: impl rustix::path::Arg,
) -> Result<std::os::fd::OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    openat2(parent, name, flags, Mode::empty(), resolve)
}

/// Removes `name` in `parent` with all below it. Nothing there is success: several processes may
/// clean up at once.
///
/// # Errors
/// Those of the kernel. `EXDEV`: something is mounted there.
pub fn remove(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR) => {}
        Err(errno) => return Err(errno),
    }
    let top = match open(parent, name) {
        Err(Errno::NOENT) => return Ok(()),
        opened => opened?,
    };
    loop {
        let moved = empty(top.as_fd(), top.as_fd(), 0)?;
        match unlinkat(parent, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            // What was moved up may have come too late for the walk to meet.
            Err(Errno::NOTEMPTY) if moved => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Removes what is at `path` with all below it. Nothing there is success.
///
/// # Errors
/// Those of the kernel. [`io::ErrorKind::CrossesDevices`]: something is mounted there; what is not
/// below that may be gone.
pub fn remove_all(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL.into());
    };
    let parent = match parent.as_os_str().is_empty() {
        true => Path::new("."),
        false => parent,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::open(parent, flags, Mode::empty()) {
        Ok(parent) => Ok(remove(parent.as_fd(), name.as_bytes())?),
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes all inside `directory`; `true` if something was moved to the top instead.
fn empty(top: BorrowedFd<'_>, directory: BorrowedFd<'_>, depth: usize) -> Result<bool, Errno> {
    let mut moved = false;
    let mut entries = Dir::read_from(directory)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if entry.file_type() != FileType::Directory {
            match unlinkat(directory, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => continue,
                // A file system that does not tell types.
                Err(Errno::ISDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        if depth >= DEEPEST {
            let place = format!("deep-{}", unique());
            match renameat(directory, name, top, place) {
                Ok(()) => moved = true,
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
            continue;
        }
        match open(directory, name) {
            Err(Errno::NOENT) => continue,
            opened => moved |= empty(top, opened?.as_fd(), depth + 1)?,
        }
        match unlinkat(directory, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(moved)
}

/// A name that nobody has taken, nor anybody who was killed while he removed the same tree.
fn unique() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = now.map_or(0, |since| since.as_nanos());
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{nanoseconds:x}-{count}", std::process::id())
}
