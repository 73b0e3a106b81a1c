//! Bytes a tree takes on its file system, as `du` counts: blocks, each inode once.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

/// Bytes of the tree below `directory`, itself included. Entries that vanish meanwhile count as
/// gone; other file systems mounted below are left out.
pub(crate) fn usage(directory: BorrowedFd<'_>) -> Result<u64, Errno> {
    let stat = rustix::fs::fstat(directory)?;
    let mut walk = Walk {
        device: stat.st_dev,
        linked: HashSet::new(),
        blocks: u64::try_from(stat.st_blocks).unwrap_or(0),
    };
    walk.directory(directory)?;
    // st_blocks counts 512 bytes whatever the block size.
    Ok(walk.blocks.saturating_mul(512))
}

struct Walk {
    device: u64,
    linked: HashSet<u64>,
    blocks: u64,
}

impl Walk {
    fn directory(&mut self, directory: BorrowedFd<'_>) -> Result<(), Errno> {
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
            if is_directory || stat.st_nlink == 1 || self.linked.insert(stat.st_ino) {
                let blocks = u64::try_from(stat.st_blocks).unwrap_or(0);
                self.blocks = self.blocks.saturating_add(blocks);
            }
            if is_directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match openat(directory, name, flags, Mode::empty()) {
                    Err(Errno::NOENT) => {}
                    opened => self.directory(opened?.as_fd())?,
                }
            }
        }
        Ok(())
    }
}
