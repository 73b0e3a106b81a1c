//! One group's directory, by descriptor.
//!
//! Everything goes through the descriptor (`openat`), so a group that is deleted and made again
//! under the same path is never taken for the one that was opened.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::below::{self, Visit};
use crate::error::{Error, Step};

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

/// How long between two looks at something the kernel does not announce.
const POLL: Duration = Duration::from_millis(5);

/// An open group directory of either version.
#[derive(Debug)]
pub(crate) struct GroupDir {
    fd: OwnedFd,
    /// For messages only.
    path: PathBuf,
    inode: u64,
}

impl GroupDir {
    /// Opens `relative` below `base`; `path` is how to call it in messages.
    pub(crate) fn open_at(
        base: BorrowedFd<'_>,
        relative: &Path,
        path: PathBuf,
        magic: (u64, &'static str),
    ) -> Result<Self, Error> {
        let relative = if relative.as_os_str().is_empty() {
            Path::new(".")
        } else {
            relative
        };
        match rustix::fs::openat(base, relative, DIRECTORY, Mode::empty()) {
            Ok(fd) => Self::from_fd(fd, path, magic),
            Err(e) => Err(Error::kernel(Step::Open, &path, e)),
        }
    }

    pub(crate) fn open(path: &Path, magic: (u64, &'static str)) -> Result<Self, Error> {
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => Self::from_fd(fd, path.to_owned(), magic),
            Err(e) => Err(Error::kernel(Step::Open, path, e)),
        }
    }

    pub(crate) fn from_fd(
        fd: OwnedFd,
        path: PathBuf,
        (magic, expected): (u64, &'static str),
    ) -> Result<Self, Error> {
        let failed = |e| Error::kernel(Step::Open, &path, e);
        let found = rustix::fs::fstatfs(&fd).map_err(failed)?.f_type;
        let found = u64::try_from(found).unwrap_or(u64::MAX);
        if found != magic {
            return Err(Error::WrongFileSystem {
                path,
                expected,
                found,
            });
        }
        let inode = rustix::fs::fstat(&fd).map_err(failed)?.st_ino;
        Ok(Self { fd, path, inode })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Whether the group still exists. A deleted directory stays open and has no entries.
    pub(crate) fn is_alive(&self) -> bool {
        self.has("cgroup.procs")
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        rustix::fs::statat(&self.fd, file, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    fn failed(&self, step: Step, file: &str, errno: Errno) -> Error {
        let path = self.path.join(file);
        match errno {
            Errno::NOENT if !self.is_alive() => Error::deleted(step, &path, errno),
            _ => Error::kernel(step, &path, errno),
        }
    }

    pub(crate) fn open_file(&self, file: &str, flags: OFlags) -> Result<OwnedFd, Error> {
        let step = if flags.contains(OFlags::WRONLY) {
            Step::Write
        } else {
            Step::Read
        };
        rustix::fs::openat(&self.fd, file, flags | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| self.failed(step, file, e))
    }

    /// The content of a file.
    pub(crate) fn read(&self, file: &str) -> Result<String, Error> {
        let fd = self.open_file(file, OFlags::RDONLY)?;
        read_all(&fd).map_err(|e| self.failed(Step::Read, file, e))
    }

    /// The content, or `None` if this group or kernel has no such file.
    pub(crate) fn read_if_there(&self, file: &str) -> Result<Option<String>, Error> {
        match self.read(file) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.errno() == Some(Errno::NOENT) && self.is_alive() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Writes a value in one `write`, as the kernel wants it.
    pub(crate) fn write(&self, step: &Step, file: &str, value: &str) -> Result<(), Error> {
        let failed = |e| self.failed(step.clone(), file, e);
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, file, flags, Mode::empty()).map_err(failed)?;
        retry(|| rustix::io::write(&fd, value.as_bytes()))
            .map_err(failed)
            .map(drop)
    }

    /// Makes a child group.
    pub(crate) fn make_child(&self, name: &str) -> Result<(), Error> {
        let mode = Mode::from_raw_mode(0o755);
        rustix::fs::mkdirat(&self.fd, plain(name)?, mode)
            .map_err(|e| self.failed(Step::Create, name, e))
    }

    /// Removes a child group that has no children of its own.
    pub(crate) fn remove_child(&self, name: &OsStr) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)
    }

    pub(crate) fn open_child(
        &self,
        name: &OsStr,
        magic: (u64, &'static str),
    ) -> Result<Self, Error> {
        Self::open_at(self.as_fd(), Path::new(name), self.path.join(name), magic)
    }

    /// Names of the child groups.
    pub(crate) fn children(&self) -> Result<Vec<std::ffi::OsString>, Error> {
        let failed = |e| self.failed(Step::List, "", e);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            let entry = match entry {
                Ok(entry) => entry,
                // The directory was deleted while it was read.
                Err(Errno::NOENT) => break,
                Err(e) => return Err(failed(e)),
            };
            let name = entry.file_name().to_bytes();
            if entry.file_type() == FileType::Directory && name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// Process ids in a `cgroup.procs`-like file; 0 stands for one of another pid namespace.
    pub(crate) fn pids(&self, file: &str) -> Result<Vec<i32>, Error> {
        let text = self.read(file)?;
        let number = |line: &str| {
            line.parse()
                .map_err(|_| Error::unexpected(&self.path.join(file), "process ids", line))
        };
        text.lines().map(number).collect()
    }

    /// Ids in this group and every group below it that can be read. Those of threaded groups below are
    /// in their domain's list, and theirs cannot be read.
    pub(crate) fn pids_below(&self, magic: (u64, &'static str)) -> Result<Vec<i32>, Error> {
        let mut found = Listing(self.pids("cgroup.procs")?);
        below::visit(self, magic, &mut found)?;
        Ok(found.0)
    }

    /// Removes the groups below, deepest first; the caller removes the group itself by path or
    /// parent. A group that is still in use is tried again until `limit`.
    pub(crate) fn remove_below(
        &self,
        magic: (u64, &'static str),
        started: Instant,
        limit: Duration,
    ) -> Result<(), Error> {
        let mut removal = Removal {
            magic,
            started,
            limit,
        };
        below::visit(self, magic, &mut removal)
    }

    /// Removes the child group `name` and all below it. Works where [`Self::remove`] cannot: a
    /// directory opened by handle above its mount's root has no `..`.
    pub(crate) fn remove_child_tree(
        &self,
        name: &OsStr,
        magic: (u64, &'static str),
        limit: Duration,
    ) -> Result<(), Error> {
        let started = Instant::now();
        let child = match self.open_child(name, magic) {
            Ok(child) => child,
            Err(e) if e.is_gone() => return Ok(()),
            Err(e) => return Err(e),
        };
        child.remove_below(magic, started, limit)?;
        child.retry_remove(magic, started, limit, || self.remove_child(name))
    }

    /// Removes the group and all below it.
    pub(crate) fn remove(self, magic: (u64, &'static str), limit: Duration) -> Result<(), Error> {
        let started = Instant::now();
        match self.remove_below(magic, started, limit) {
            Err(e) if e.is_gone() && !self.is_alive() => return Ok(()),
            result => result?,
        }
        let Some((parent, name)) = self.own_entry(magic)? else {
            return Ok(());
        };
        self.retry_remove(magic, started, limit, || {
            // Never the successor of a group that somebody else removed meanwhile.
            if self.is_alive() {
                parent.remove_child(&name)
            } else {
                Ok(())
            }
        })
    }

    /// The parent directory and our name in it, found by inode: `rmdir` needs a name. `None` if
    /// the group is gone.
    fn own_entry(
        &self,
        magic: (u64, &'static str),
    ) -> Result<Option<(Self, std::ffi::OsString)>, Error> {
        let parent_path = self.path.join("..");
        let parent = match Self::open_at(self.as_fd(), Path::new(".."), parent_path, magic) {
            Ok(parent) => parent,
            Err(_) if !self.is_alive() => return Ok(None),
            Err(e) => return Err(e),
        };
        let is_ours = |name: &OsStr| {
            let stat = rustix::fs::statat(&parent.fd, name, AtFlags::SYMLINK_NOFOLLOW);
            stat.is_ok_and(|stat| stat.st_ino == self.inode)
        };
        // The path it was opened by mostly ends with it, and there may be hundreds beside it.
        let named = self.path.file_name().filter(|name| is_ours(name));
        if let Some(name) = named.map(OsStr::to_owned) {
            return Ok(Some((parent, name)));
        }
        for name in parent.children()? {
            if is_ours(&name) {
                return Ok(Some((parent, name)));
            }
        }
        if self.is_alive() {
            // The root of a mount: its own directory entry is out of reach from here.
            return Err(Error::kernel(Step::Remove, &self.path, Errno::BUSY));
        }
        Ok(None)
    }

    /// Calls `rmdir` until it works, the group is gone, or the time is up.
    pub(crate) fn retry_remove(
        &self,
        magic: (u64, &'static str),
        started: Instant,
        limit: Duration,
        rmdir: impl Fn() -> Result<(), Errno>,
    ) -> Result<(), Error> {
        loop {
            match rmdir() {
                Ok(()) | Err(Errno::NOENT | Errno::NODEV) => return Ok(()),
                Err(Errno::BUSY) if started.elapsed() < limit => std::thread::sleep(POLL),
                Err(Errno::BUSY) => {
                    let pids = self.pids_below(magic).unwrap_or_default();
                    if pids.is_empty() {
                        return Err(Error::kernel(Step::Remove, &self.path, Errno::BUSY));
                    }
                    let path = self.path.clone();
                    return Err(Error::StillPopulated {
                        path,
                        pids,
                        waited: started.elapsed(),
                    });
                }
                Err(e) => return Err(Error::kernel(Step::Remove, &self.path, e)),
            }
        }
    }
}

/// The process ids found so far.
struct Listing(Vec<i32>);

impl Visit for Listing {
    fn enter(&mut self, group: &GroupDir) -> Result<bool, Error> {
        match group.pids("cgroup.procs") {
            Ok(more) => self.0.extend(more),
            Err(e) if e.errno() == Some(Errno::OPNOTSUPP) => return Ok(false),
            Err(e) => return Err(e),
        }
        Ok(true)
    }
}

struct Removal {
    magic: (u64, &'static str),
    started: Instant,
    limit: Duration,
}

impl Visit for Removal {
    fn is_done_unopened(&mut self, parent: &GroupDir, name: &OsStr) -> bool {
        // As a rule there is nobody in it and nothing below.
        parent.remove_child(name).is_ok()
    }

    fn leave(&mut self, parent: &GroupDir, name: &OsStr, group: &GroupDir) -> Result<(), Error> {
        group.retry_remove(self.magic, self.started, self.limit, || {
            parent.remove_child(name)
        })
    }
}

/// A name that is exactly one path component and fit for a group.
pub(crate) fn plain(name: &str) -> Result<&str, Error> {
    let bad = name.is_empty() || name == "." || name == ".." || name.contains(['/', '\n', '\0']);
    if bad {
        Err(Error::InvalidName(name.to_owned()))
    } else {
        Ok(name)
    }
}

/// Reads from the start to the end of a file.
pub(crate) fn read_all(fd: impl AsFd) -> Result<String, Errno> {
    let mut text = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let offset = u64::try_from(text.len()).unwrap_or(u64::MAX);
        match rustix::io::pread(fd.as_fd(), &mut buffer, offset) {
            Ok(0) => return Ok(String::from_utf8_lossy(&text).into_owned()),
            Ok(n) => text.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}

pub(crate) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}
