//! Changing all owners of a tree, where mounts cannot show others.
//!
//! Every inode is changed once. What changing an owner takes away is given back: set-id bits, and
//! capabilities, which then belong to the new root (version 3 of their attribute). Ids inside POSIX
//! access lists are left as they are.

use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, XattrFlags, chmodat, chownat, fstat,
    lgetxattr, lsetxattr, openat, statat,
};
use rustix::io::Errno;
use warren_sys_process::user_namespace::Map;

const CAPABILITY: &str = "security.capability";
/// `VFS_CAP_REVISION_2` and `_3`, and the mask of revisions (linux/capability.h).
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const REVISION_MASK: u32 = 0xff00_0000;
/// What ids that nobody has become.
const NOBODY: u32 = 65534;

/// Changes owners and groups of all inside `top`, and its own.
pub(crate) fn shift(top: BorrowedFd<'_>, maps: &[Map]) -> Result<(), Errno> {
    let mut shifter = Shifter {
        maps,
        linked: HashSet::new(),
    };
    let stat = fstat(top)?;
    super::with_room(|| shifter.directory(top)).flatten()?;
    shifter.owner(top, c".", &stat)
}

struct Shifter<'a> {
    maps: &'a [Map],
    /// Inodes with several names that have been changed.
    linked: HashSet<u64>,
}

/// What an id is outside; one that is in no range is nobody's.
pub(crate) fn outside(maps: &[Map], id: u32) -> u32 {
    let one = |id: u32| {
        maps.iter().find_map(|map| {
            let offset = id.checked_sub(map.inside)?;
            (offset < map.count).then(|| map.outside.saturating_add(offset))
        })
    };
    one(id).or_else(|| one(NOBODY)).unwrap_or(NOBODY)
}

impl Shifter<'_> {
    fn directory(&mut self, directory: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut entries = Dir::read_from(directory)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let below = openat(directory, name, flags, Mode::empty())?;
                self.directory(below.as_fd())?;
            } else if stat.st_nlink > 1 && !self.linked.insert(stat.st_ino) {
                continue;
            }
            self.owner(directory, name, &stat)?;
        }
        Ok(())
    }

    fn owner(&self, at: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<(), Errno> {
        let path = [
            format!("/proc/self/fd/{}/", at.as_raw_fd()).as_bytes(),
            name.to_bytes(),
        ]
        .concat();
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let mut value = [0u8; 64];
        let capabilities = match is_file.then(|| lgetxattr(&path, CAPABILITY, &mut value[..])) {
            Some(Ok(length)) => value.get(..length),
            _ => None,
        };
        let (uid, gid) = (
            outside(self.maps, stat.st_uid),
            outside(self.maps, stat.st_gid),
        );
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        chownat(at, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        if is_file && stat.st_mode & 0o6000 != 0 {
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
            chmodat(at, name, mode, AtFlags::empty())?;
        }
        if let Some(old) = capabilities {
            let new = of_root(old, outside(self.maps, 0));
            lsetxattr(&path, CAPABILITY, &new, XattrFlags::empty())?;
        }
        Ok(())
    }
}

/// The same capabilities, for those whose root is `root`. What is no such attribute stays as it is.
pub(crate) fn of_root(value: &[u8], root: u32) -> Vec<u8> {
    let mut new = value.to_vec();
    let Some(magic) = value.first_chunk::<4>() else {
        return new;
    };
    let magic = u32::from_le_bytes(*magic);
    let is_known = matches!(
        (magic & REVISION_MASK, value.len()),
        (REVISION_2, 20) | (REVISION_3, 24)
    );
    if !is_known {
        return new;
    }
    new.truncate(20);
    let magic = (magic & !REVISION_MASK) | REVISION_3;
    for (to, from) in new.iter_mut().zip(magic.to_le_bytes()) {
        *to = from;
    }
    new.extend_from_slice(&root.to_le_bytes());
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_capabilities() {
        let map = |inside, outside, count| Map {
            inside,
            outside,
            count,
        };
        let maps = [map(0, u32::MAX - 1, 1), map(1, 65536, 65534)];
        assert_eq!(outside(&maps, 0), u32::MAX - 1);
        assert_eq!(outside(&maps, 1), 65536);
        assert_eq!(outside(&maps, 1000), 66535);
        assert_eq!(outside(&maps, 70_000), 65535 + 65534);
        assert_eq!(outside(&[], 5), NOBODY);
        let old = [
            1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let new = of_root(&old, 7);
        assert_eq!((new.len(), new[3], new[0], new[20]), (24, 3, 1, 7));
        assert_eq!(of_root(&new, 9)[20], 9);
        assert_eq!(of_root(b"odd", 9), b"odd");
    }
}
