//! The directory that is unpacked into, and nothing outside it.
//!
//! Directories are found with `openat2(2)`. Below an ordinary destination `RESOLVE_BENEATH` refuses
//! (`EXDEV`) every symbolic link that leads out, whether it was there or came with the archive.
//! When the destination is the process's own root nothing is outside, and `RESOLVE_IN_ROOT` lets an
//! absolute link such as `/var/run -> /run` mean what it always means.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, mkdirat, openat, openat2, stat,
    statat, unlinkat,
};
use rustix::io::Errno;

use crate::error::{Error, Step, failed};
use crate::made::Made;

/// The root of what is unpacked.
pub(crate) struct Root<'a> {
    directory: BorrowedFd<'a>,
    resolve: ResolveFlags,
    /// The parent found last, as archives are sorted.
    last: Option<(Vec<u8>, Parent)>,
}

/// The directory an entry belongs in.
#[derive(Clone)]
pub(crate) struct Parent(Rc<OwnedFd>);

impl Parent {
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<'a> Root<'a> {
    pub(crate) fn new(directory: BorrowedFd<'a>) -> Result<Self, Error> {
        let error = failed(Step::Resolve, b"");
        let (here, top) = (fstat(directory).map_err(error)?, stat("/").map_err(error)?);
        let is_top = (here.st_dev, here.st_ino) == (top.st_dev, top.st_ino);
        let inside = if is_top {
            ResolveFlags::IN_ROOT
        } else {
            ResolveFlags::BENEATH
        };
        Ok(Self {
            directory,
            resolve: inside | ResolveFlags::NO_MAGICLINKS,
            last: None,
        })
    }

    /// To be called when a directory or symbolic link has been removed.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }

    /// The directory at `path`, which has neither `..` nor a leading slash.
    pub(crate) fn find(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let text = if path.is_empty() { b"." } else { path };
        loop {
            match openat2(self.directory, text, flags, Mode::empty(), self.resolve) {
                // Something was renamed while the kernel looked.
                Err(Errno::AGAIN) => {}
                found => return found,
            }
        }
    }

    /// The directory with these components; made where missing.
    pub(crate) fn parent(
        &mut self,
        components: &[&[u8]],
        made: &mut Made,
    ) -> Result<Parent, Error> {
        let path = components.join(&b'/');
        if let Some((_, parent)) = self.last.as_ref().filter(|(known, _)| *known == path) {
            return Ok(parent.clone());
        }
        let directory = match self.find(&path) {
            Err(Errno::NOENT) => self.make(components, made)?,
            found => found.map_err(failed(Step::Resolve, &path))?,
        };
        let parent = Parent(Rc::new(directory));
        self.last = Some((path, parent.clone()));
        Ok(parent)
    }

    fn make(&self, components: &[&[u8]], made: &mut Made) -> Result<OwnedFd, Error> {
        let mut path = Vec::new();
        let mut parent = self.find(&path).map_err(failed(Step::Resolve, &path))?;
        for name in components {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            parent = match self.find(&path) {
                Err(Errno::NOENT) => {
                    // EEXIST: a symbolic link to nowhere.
                    mkdirat(&parent, *name, Mode::RWXU).map_err(failed(Step::Create, &path))?;
                    let directory = self.find(&path).map_err(failed(Step::Resolve, &path))?;
                    made.implied(&path, &directory)?;
                    directory
                }
                found => found.map_err(failed(Step::Resolve, &path))?,
            };
        }
        Ok(parent)
    }
}

/// What is at `name`, not followed.
pub(crate) fn look(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Stat>, Errno> {
    match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Removes what is at `name`; of directories only an empty one.
pub(crate) fn clear(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => unlinkat(parent, name, AtFlags::REMOVEDIR),
        // Gone meanwhile.
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

/// A directory of its own for attributes and times: not `O_PATH`, not followed.
pub(crate) fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

pub(crate) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

pub(crate) fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}
