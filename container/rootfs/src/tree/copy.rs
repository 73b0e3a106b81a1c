//! Copying a tree: owners, modes, times, extended attributes, hard links, holes and devices.
//!
//! The copy lays one layer over what the target holds already, so that layers can be merged by
//! copying them lowest first. Symbolic links are never followed: a directory of the source replaces
//! a link of the target.

use std::collections::HashMap;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, Uid,
    XattrFlags, chmodat, chownat, copy_file_range, fstat, ftruncate, lgetxattr, linkat, llistxattr,
    lsetxattr, mkdirat, mknodat, openat, readlinkat, seek, statat, symlinkat, utimensat,
};
use rustix::io::Errno;

/// How the data of a file is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Shared blocks (`FICLONE`) or nothing.
    Reflink,
    /// Real copies; the file system may share blocks all the same.
    Copy,
}

/// A tree could not be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot copy {path:?}")]
pub(crate) struct CopyError {
    /// The entry, from the root of the source.
    pub path: String,
    /// The kernel's answer.
    pub source: Errno,
}

/// Decides which entries are left out, by their path.
pub(crate) type Filter<'a> = &'a (dyn Fn(&[u8]) -> bool + Sync);

/// Copies all inside `from`, and its own attributes, into `to`.
pub(crate) fn copy(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    method: Method,
    skip: Filter<'_>,
) -> Result<(), CopyError> {
    let mut copier = Copier {
        method,
        skip,
        linked: HashMap::new(),
        top: to,
        path: Vec::new(),
    };
    let outcome = super::with_room(|| copier.directory(from, to)).flatten();
    let path = warren_lib_tar::shown(&copier.path);
    outcome.map_err(|source| CopyError { path, source })
}

struct Copier<'a> {
    method: Method,
    skip: Filter<'a>,
    /// Inodes with several names, and the first name that was copied.
    linked: HashMap<(u64, u64), Vec<u8>>,
    top: BorrowedFd<'a>,
    path: Vec<u8>,
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Copier<'_> {
    fn directory(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut entries = Dir::read_from(from)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.to_bytes());
            if !(self.skip)(&self.path) {
                self.entry(from, to, name)?;
            }
            // After a failure the path stays, for the message.
            self.path.truncate(length);
        }
        let stat = fstat(from)?;
        attributes(from, c".", to, c".", &stat)
    }

    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
    ) -> Result<(), Errno> {
        let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let there = match statat(to, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => None,
            there => Some(FileType::from_raw_mode(there?.st_mode)),
        };
        let merges = kind == FileType::Directory && there == Some(FileType::Directory);
        if there.is_some() && !merges {
            warren_lib_tree::remove(to, name.to_bytes())?;
        }
        let key = (stat.st_dev, stat.st_ino);
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.linked.get(&key) {
                return linkat(self.top, first.as_slice(), to, name, AtFlags::empty());
            }
            self.linked.insert(key, self.path.clone());
        }
        match kind {
            FileType::Directory => {
                if !merges {
                    mkdirat(to, name, Mode::RWXU)?;
                }
                let source = openat(from, name, DIRECTORY, Mode::empty())?;
                let target = openat(to, name, DIRECTORY, Mode::empty())?;
                return self.directory(source.as_fd(), target.as_fd());
            }
            FileType::RegularFile => self.file(from, to, name, &stat)?,
            FileType::Symlink => symlinkat(readlinkat(from, name, Vec::new())?, to, name)?,
            other => mknodat(to, name, other, Mode::RUSR, stat.st_rdev)?,
        }
        attributes(from, name, to, name, &stat)
    }

    fn file(
        &self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
        stat: &Stat,
    ) -> Result<(), Errno> {
        let read = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source = openat(from, name, read, Mode::empty())?;
        let write = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let target = openat(to, name, write, Mode::RUSR | Mode::WUSR)?;
        match self.method {
            Method::Reflink => rustix::fs::ioctl_ficlone(&target, &source),
            Method::Copy => data(&source, &target, stat),
        }
    }
}

/// Copies the stretches that hold data.
fn data(source: &OwnedFd, target: &OwnedFd, stat: &Stat) -> Result<(), Errno> {
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    ftruncate(target, size)?;
    let mut at = 0;
    while at < size {
        let start = match seek(source, SeekFrom::Data(at)) {
            // Nothing but a hole is left.
            Err(Errno::NXIO) => return Ok(()),
            Err(Errno::INVAL) => at,
            start => start?,
        };
        let end = match seek(source, SeekFrom::Hole(start)) {
            Err(Errno::INVAL) => size,
            end => end?,
        };
        stretch(source, target, start, end)?;
        at = end;
    }
    Ok(())
}

fn stretch(source: &OwnedFd, target: &OwnedFd, start: u64, end: u64) -> Result<(), Errno> {
    let (mut from, mut to) = (start, start);
    while from < end {
        let length = usize::try_from(end - from)
            .unwrap_or(usize::MAX)
            .min(1 << 30);
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), length) {
            // The file got shorter.
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                return by_hand(source, target, from, end);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn by_hand(source: &OwnedFd, target: &OwnedFd, mut at: u64, end: u64) -> Result<(), Errno> {
    let mut buffer = vec![0; 128 * 1024];
    while at < end {
        let read = rustix::io::pread(source, &mut buffer, at)?;
        if read == 0 {
            return Ok(());
        }
        let mut piece = buffer.get(..read).unwrap_or_default();
        while !piece.is_empty() {
            let written = rustix::io::pwrite(target, piece, at)?;
            at += written as u64;
            piece = piece.get(written..).unwrap_or_default();
        }
    }
    Ok(())
}

/// Owner, mode, attributes and time, in the order in which none undoes another.
fn attributes(
    from: BorrowedFd<'_>,
    from_name: &CStr,
    to: BorrowedFd<'_>,
    to_name: &CStr,
    stat: &Stat,
) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    chownat(to, to_name, Some(uid), Some(gid), nofollow)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        chmodat(to, to_name, mode, AtFlags::empty())?;
    }
    xattrs(&proc_path(from, from_name), &proc_path(to, to_name))?;
    let time = |tv_sec, tv_nsec: u64| Timespec {
        tv_sec,
        tv_nsec: i64::try_from(tv_nsec).unwrap_or(0),
    };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    utimensat(to, to_name, &times, nofollow)
}

/// Overlayfs's own marks stay behind: a copy has nothing below it.
fn xattrs(from: &[u8], to: &[u8]) -> Result<(), Errno> {
    let mut names = vec![0; 64 * 1024];
    let length = match llistxattr(from, &mut names[..]) {
        Err(Errno::OPNOTSUPP) => return Ok(()),
        length => length?,
    };
    names.truncate(length);
    let mut value = Vec::new();
    for name in names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        if crate::layer::is_overlay_attribute(name) {
            continue;
        }
        value.resize(64 * 1024, 0);
        let length = match lgetxattr(from, name, &mut value[..]) {
            // Listed for those who may not read it.
            Err(Errno::NODATA) => continue,
            length => length?,
        };
        lsetxattr(
            to,
            name,
            value.get(..length).unwrap_or_default(),
            XattrFlags::empty(),
        )?;
    }
    Ok(())
}

fn proc_path(directory: BorrowedFd<'_>, name: &CStr) -> Vec<u8> {
    let directory = format!("/proc/self/fd/{}/", directory.as_raw_fd());
    [directory.as_bytes(), name.to_bytes()].concat()
}
