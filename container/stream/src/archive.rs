//! Out of the container: a path becomes an archive.
//!
//! | source | entries |
//! |---|---|
//! | `/a/b`, a directory | `b/`, `b/...` |
//! | `/a/b`, anything else | `b` |
//! | `/a/b/` | `./`, `./...` |

use std::collections::HashMap;
use std::ffi::CString;
use std::io::{BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fgetxattr, flistxattr,
    flistxattr_query, major, minor, openat, openat2, readlinkat, statat,
};
use rustix::io::{Errno, read};
use warren_lib_tar::{Entry, Kind, Time, Writer};

use crate::error::{Error, Step, failed};

/// Data is moved in pieces of this size.
const PIECE: usize = 256 * 1024;

/// Writes an archive of `source` to `to`, as the user that the calling process is.
///
/// Symbolic links are archived as links; one that is followed by a slash is the directory it leads
/// to. A file that has two names in the archive is stored once. Sockets are left out, as is what
/// vanishes meanwhile; a file that shrinks meanwhile is filled up with zeros. Holes are stored as
/// zeros.
///
/// # Errors
/// [`Error`]. When something below `source` cannot be read, the rest is archived all the same, the
/// archive is ended well, and then the first such failure is told.
pub fn archive(to: impl Write, source: &Path) -> Result<(), Error> {
    let text = source.as_os_str().as_bytes();
    let resolve = failed(Step::Resolve, text);
    let (holder, name) = split(text);
    let mut packing = Packing {
        writer: Writer::new(BufWriter::with_capacity(PIECE, to)),
        links: HashMap::new(),
        buffer: vec![0; PIECE],
        pending: Vec::new(),
        first: None,
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let holder = openat(CWD, holder, flags, Mode::empty()).map_err(resolve)?;
    // What was asked for must be there; only what is below it may be missing.
    statat(&holder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed(Step::Read, text))?;
    packing.add(holder.as_fd(), name, name)?;
    while let Some((path, stat)) = packing.pending.pop() {
        packing.directory(holder.as_fd(), &path, &stat)?;
    }
    packing.writer.finish()?;
    packing.first.map_or(Ok(()), Err)
}

/// The directory to start from, and the name of what is archived there.
fn split(source: &[u8]) -> (&[u8], &[u8]) {
    let end = source.iter().rposition(|byte| *byte != b'/');
    let bare = end.map_or(&b"/"[..], |end| source.get(..=end).unwrap_or_default());
    let slash = bare.iter().rposition(|byte| *byte == b'/');
    let name = bare.get(slash.map_or(0, |at| at + 1)..).unwrap_or_default();
    if source.ends_with(b"/") || matches!(name, b"" | b"." | b"..") {
        // `/a/b/`, `/a/.`, `/a/..`, `/` and nothing at all: what is in there.
        return (if source.is_empty() { b"." } else { source }, b".");
    }
    match slash {
        None => (b".", name),
        Some(0) => (b"/", name),
        Some(slash) => (bare.get(..slash).unwrap_or_default(), name),
    }
}

struct Packing<W: Write> {
    writer: Writer<BufWriter<W>>,
    /// Files with more than one name, by device and inode, and the name they were stored under.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    /// Directories still to come; the next one is last.
    pending: Vec<(Vec<u8>, Stat)>,
    first: Option<Error>,
}

impl<W: Write> Packing<W> {
    /// A directory with all that is in it but directories, which come next: tars set a directory's
    /// time as soon as an entry is elsewhere. One is open at a time, however deep it lies.
    fn directory(&mut self, holder: BorrowedFd<'_>, path: &[u8], stat: &Stat) -> Result<(), Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let mut entry = entry(&[path, b"/"].concat(), stat, Kind::Directory);
        let opened = openat2(holder, path, flags, Mode::empty(), inside);
        if let Ok(directory) = &opened {
            entry.xattrs = self.xattrs(directory, path);
        }
        self.writer.start(&entry)?;
        let names = opened.and_then(|directory| Ok((names(&directory)?, directory)));
        let (names, directory) = match names {
            Ok(found) => found,
            Err(errno) => {
                self.note(Step::Read, path, errno);
                return Ok(());
            }
        };
        let at = self.pending.len();
        for name in names {
            let path = [path, b"/", name.as_bytes()].concat();
            self.add(directory.as_fd(), name.as_bytes(), &path)?;
        }
        // They were added in order and are taken from the end.
        if let Some(below) = self.pending.get_mut(at..) {
            below.reverse();
        }
        Ok(())
    }

    /// One entry; only a failure of the archive itself is an error.
    fn add(&mut self, parent: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<(), Error> {
        let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(errno) => {
                self.note(Step::Read, path, errno);
                return Ok(());
            }
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let id = (stat.st_dev, stat.st_ino);
        if kind != FileType::Directory
            && stat.st_nlink > 1
            && let Some(target) = self.links.get(&id)
        {
            let target = target.clone();
            let entry = entry(path, &stat, Kind::HardLink { target });
            return Ok(self.writer.start(&entry)?);
        }
        let kind = match kind {
            FileType::RegularFile => return self.file(parent, name, path, &stat),
            FileType::Directory => {
                self.pending.push((path.to_vec(), stat));
                return Ok(());
            }
            FileType::Symlink => match readlinkat(parent, name, Vec::new()) {
                Ok(target) => Kind::Symlink {
                    target: target.into_bytes(),
                },
                Err(errno) => {
                    self.note(Step::Read, path, errno);
                    return Ok(());
                }
            },
            FileType::Fifo => Kind::Fifo,
            FileType::CharacterDevice => Kind::CharDevice {
                major: major(stat.st_rdev),
                minor: minor(stat.st_rdev),
            },
            FileType::BlockDevice => Kind::BlockDevice {
                major: major(stat.st_rdev),
                minor: minor(stat.st_rdev),
            },
            FileType::Socket | FileType::Unknown => return Ok(()),
        };
        self.writer.start(&entry(path, &stat, kind))?;
        self.remember(&stat, path);
        Ok(())
    }

    fn file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        path: &[u8],
        stat: &Stat,
    ) -> Result<(), Error> {
        // NONBLOCK: should it be something else by now, opening must not wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(parent, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(errno) => {
                self.note(Step::Read, path, errno);
                return Ok(());
            }
        };
        let mut entry = entry(path, stat, Kind::File);
        entry.stored = u64::try_from(stat.st_size).unwrap_or(0);
        entry.xattrs = self.xattrs(&file, path);
        self.writer.start(&entry)?;
        self.remember(stat, path);
        let mut left = entry.stored;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let buffer = self.buffer.get_mut(..most).unwrap_or_default();
            let count = match read(&file, &mut *buffer) {
                Err(Errno::INTR) => continue,
                Ok(0) => {
                    buffer.fill(0);
                    most
                }
                Ok(count) => count,
                Err(errno) => {
                    buffer.fill(0);
                    self.note(Step::Read, path, errno);
                    most
                }
            };
            let piece = self.buffer.get(..count).unwrap_or_default();
            self.writer.data(piece)?;
            left -= count as u64;
        }
        Ok(())
    }

    fn remember(&mut self, stat: &Stat, path: &[u8]) {
        if stat.st_nlink > 1 {
            let id = (stat.st_dev, stat.st_ino);
            self.links.insert(id, path.to_vec());
        }
    }

    /// Keeps the first failure; what is gone is none.
    fn note(&mut self, step: Step, path: &[u8], errno: Errno) {
        if errno != Errno::NOENT {
            self.first.get_or_insert_with(|| failed(step, path)(errno));
        }
    }

    fn xattrs(&mut self, file: &OwnedFd, path: &[u8]) -> Xattrs {
        match xattrs(file) {
            // The file system has none.
            Err(Errno::OPNOTSUPP) => Vec::new(),
            Err(errno) => {
                self.note(Step::Read, path, errno);
                Vec::new()
            }
            Ok(found) => found,
        }
    }
}

/// The most a list of attributes or the value of one can have (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MOST_XATTR: usize = 64 * 1024;

/// Extended attributes, name and value.
type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

fn xattrs(file: &OwnedFd) -> Result<Xattrs, Errno> {
    // Most files have none: asking for the size alone needs no room.
    if flistxattr_query(file)? == 0 {
        return Ok(Vec::new());
    }
    let mut list = vec![0u8; MOST_XATTR];
    let length = flistxattr(file, &mut list)?;
    list.truncate(length);
    let mut found = Vec::new();
    for name in list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0u8; MOST_XATTR];
        match fgetxattr(file, name, &mut value) {
            Ok(length) => value.truncate(length),
            // Gone meanwhile, or listed but not for us.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) => continue,
            Err(errno) => return Err(errno),
        }
        found.push((name.to_vec(), value));
    }
    Ok(found)
}

/// Names in a directory, sorted, so that the same tree gives the same archive.
fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.as_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn entry(path: &[u8], stat: &Stat, kind: Kind) -> Entry {
    // What has no owner here, the kernel shows as the overflow id; -1 no reader would take.
    let id = |id: u32| if id == u32::MAX { 65534 } else { id };
    Entry {
        path: path.to_vec(),
        kind,
        mode: stat.st_mode & 0o7777,
        uid: id(stat.st_uid),
        gid: id(stat.st_gid),
        mtime: Time {
            seconds: stat.st_mtime,
            // Below 1 000 000 000 by the kernel's promise.
            nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        },
        stored: 0,
        xattrs: Vec::new(),
        sparse: None,
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn names_follow_the_last_slash() {
        let cases: [(&str, &str, &str); 9] = [
            ("/a/b", "/a", "b"),
            ("/a/b/", "/a/b/", "."),
            ("/b", "/", "b"),
            ("/", "/", "."),
            ("b", ".", "b"),
            ("a/b", "a", "b"),
            ("", ".", "."),
            ("/a/..", "/a/..", "."),
            (".", ".", "."),
        ];
        for (source, holder, name) in cases {
            assert_eq!(
                split(source.as_bytes()),
                (holder.as_bytes(), name.as_bytes()),
                "{source}"
            );
        }
    }
}
