//! Removing below a directory, by a path from it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Dir, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// Opens the directory at `path`. `None`: no such directory, or something else on the way.
pub(crate) fn open_beneath(root: BorrowedFd<'_>, path: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let path = if path.is_empty() { b"." } else { path };
    match openat2(root, path, flags, Mode::empty(), resolve) {
        Ok(directory) => Ok(Some(directory)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Removes what is at `path`, if anything is.
pub(crate) fn remove_beneath(root: BorrowedFd<'_>, path: &[u8]) -> Result<(), Errno> {
    let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => path.split_at(slash),
        None => (b"".as_slice(), path),
    };
    let name = name.strip_prefix(b"/").unwrap_or(name);
    match open_beneath(root, above)? {
        Some(parent) => warren_lib_tree::remove(parent.as_fd(), name),
        None => Ok(()),
    }
}

/// Removes all inside the directory at `path`, if there is one.
pub(crate) fn empty_beneath(root: BorrowedFd<'_>, path: &[u8]) -> Result<(), Errno> {
    let Some(directory) = open_beneath(root, path)? else {
        return Ok(());
    };
    let mut entries = Dir::read_from(&directory)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            warren_lib_tree::remove(directory.as_fd(), name)?;
        }
    }
    Ok(())
}
