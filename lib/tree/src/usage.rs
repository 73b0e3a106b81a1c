//! Bytes a tree takes on its file system, as `du` counts: blocks, each inode once.
//!
//! ```text
//! level 0 ─ open ─► level 1 ─ open ─► ... ─► level n
//!    └── stays open    └── closed when n is far below; opened again from below, as `..`, if it is still that
//! ```

use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

/// So many levels, counted from the deepest, stay open.
const OPEN: usize = 64;
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Bytes of the tree below `directory`, itself included. Entries that vanish meanwhile count as
/// gone, and so does what is left of a deep branch that is moved elsewhere; other file systems mounted
/// below are left out.
///
/// # Errors
/// Those of the kernel.
pub fn usage(directory: BorrowedFd<'_>) -> Result<u64, Errno> {
    let stat = fstat(directory)?;
    let mut count = Count {
        device: stat.st_dev,
        linked: HashSet::new(),
        blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
    };
    let top = count.directory(directory)?;
    let mut levels = vec![Level {
        inode: stat.st_ino,
        open: None,
        directories: top,
    }];
    while let Some(last) = levels.last_mut() {
        let here = last.open.as_ref().map_or(directory, AsFd::as_fd);
        let Some(name) = last.directories.pop() else {
            leave(&mut levels, stat.st_dev);
            continue;
        };
        let below = match openat(here, name.as_c_str(), DIRECTORY, Mode::empty()) {
            // Gone, or another thing by now.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            opened => opened?,
        };
        let about = fstat(&below)?;
        if about.st_dev != stat.st_dev {
            continue;
        }
        let directories = count.directory(below.as_fd())?;
        levels.push(Level {
            inode: about.st_ino,
            open: Some(below),
            directories,
        });
        // The first is the caller's.
        if levels.len() > OPEN + 1 {
            let far = levels.len() - 1 - OPEN;
            levels[far].open = None;
        }
    }
    // st_blocks counts 512 bytes whatever the block size.
    Ok(count.blocks.saturating_mul(512))
}

/// A directory whose entries are counted, but not what is in its directories.
struct Level {
    inode: u64,
    /// Not the caller's, nor one far above the deepest.
    open: Option<OwnedFd>,
    directories: Vec<CString>,
}

/// Goes back to the level above; to the one above that cannot be lost if it is elsewhere by now.
fn leave(levels: &mut Vec<Level>, device: u64) {
    let left = levels.pop().and_then(|level| level.open);
    let is_top = levels.len() <= 1;
    let Some(last) = levels.last_mut() else {
        return;
    };
    if is_top || last.open.is_some() {
        return;
    }
    let above = left.and_then(|left| openat(left, "..", DIRECTORY, Mode::empty()).ok());
    let is_same = |above: &OwnedFd| {
        fstat(above).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (device, last.inode))
    };
    match above.filter(is_same) {
        Some(above) => last.open = Some(above),
        None => levels.truncate(1),
    }
}

struct Count {
    device: u64,
    linked: HashSet<u64>,
    blocks: u64,
}

impl Count {
    /// Counts what is in a directory; the answer is the names of directories in it.
    fn directory(&mut self, directory: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
        let mut directories = Vec::new();
        let mut entries = Dir::read_from(directory)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat?,
            };
            if stat.st_dev != self.device {
                continue;
            }
            let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if is_directory {
                directories.push(name.to_owned());
            }
            if is_directory || stat.st_nlink == 1 || self.linked.insert(stat.st_ino) {
                self.add(&stat);
            }
        }
        Ok(directories)
    }

    fn add(&mut self, stat: &Stat) {
        let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
        self.blocks = self.blocks.saturating_add(blocks);
    }
}
