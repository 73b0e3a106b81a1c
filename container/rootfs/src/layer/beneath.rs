//! The directory that a layer is unpacked into, and nothing outside it.
//!
//! Every parent directory is found with `openat2(2)` from the layer's root, with `RESOLVE_IN_ROOT`
//! and `RESOLVE_NO_MAGICLINKS`: the kernel takes the layer for `/`, so neither `..` nor an absolute
//! symbolic link leads out, yet an archive that stores `run/x` behind `run -> /var/run` means what
//! it means inside the container. The last component is never followed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, chmodat, mkdirat, openat, openat2,
    readlinkat, statat, unlinkat,
};
use rustix::io::Errno;
use warren_lib_tar::shown;

/// The system call that failed on an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Finding the parent directory; `ENOTDIR`: the archive has something else there.
    Resolve,
    /// Making the entry.
    Create,
    /// Removing an earlier entry of that name.
    Remove,
    /// Writing data.
    Write,
    /// Setting owner and group.
    ChangeOwner,
    /// Setting permissions.
    ChangeMode,
    /// Setting an extended attribute.
    SetXattr,
    /// Setting the time of last change.
    SetTime,
    /// Making a hard link.
    Link,
    /// Marking something as hidden.
    Hide,
    /// Looking at what is there.
    Inspect,
}

/// An entry could not be put into place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation:?} {path:?}")]
pub struct EntryError {
    /// What was done.
    pub operation: Operation,
    /// The entry's path; what is not printable is escaped.
    pub path: String,
    /// The kernel's answer.
    pub source: Errno,
}

/// A failure of `operation` on the entry at `path`.
pub(super) fn failed(operation: Operation, path: &[u8]) -> impl Fn(Errno) -> EntryError + Copy {
    move |source| EntryError {
        operation,
        path: shown(path),
        source,
    }
}

/// The root of a layer.
pub(super) struct Root {
    directory: OwnedFd,
    /// Where it is, to tell the true place of a directory reached through symbolic links.
    place: Vec<u8>,
    /// The parent found last, as archives are sorted.
    last: Option<(Vec<u8>, Parent)>,
}

/// Asked for a name that should be a directory and is not; `true`: it is one now.
pub(super) type Revive<'a> = &'a mut dyn FnMut(&Parent, &[u8]) -> Result<bool, EntryError>;

/// The directory an entry belongs in.
#[derive(Clone)]
pub(super) struct Parent {
    pub directory: Rc<OwnedFd>,
    /// Its path from the root, free of symbolic links.
    pub path: Rc<[u8]>,
}

impl Parent {
    /// The path of an entry in it.
    pub(super) fn child(&self, name: &[u8]) -> Vec<u8> {
        join(&self.path, name)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// What is at `name`, not followed.
    pub(super) fn stat(&self, name: &[u8]) -> Result<Option<Stat>, EntryError> {
        match statat(self.fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(Operation::Inspect, &self.child(name))(errno)),
        }
    }
}

pub(super) fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() {
        return name.to_vec();
    }
    [parent, b"/", name].concat()
}

impl Root {
    /// `directory` must be an empty directory that nobody else changes.
    pub(super) fn new(directory: OwnedFd) -> Result<Self, EntryError> {
        let place = place_of(directory.as_fd()).map_err(failed(Operation::Inspect, b""))?;
        Ok(Self {
            directory,
            place,
            last: None,
        })
    }

    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// To be called when a directory or symbolic link has been removed or replaced.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// The directory with these components; made, where missing, with mode 0755 and our own ids.
    /// `revive` is asked for a path that is no directory; it may make it one.
    pub(super) fn parent(
        &mut self,
        components: &[&[u8]],
        revive: Revive<'_>,
    ) -> Result<Parent, EntryError> {
        let path = components.join(&b'/');
        if let Some((_, parent)) = self.last.as_ref().filter(|(known, _)| *known == path) {
            return Ok(parent.clone());
        }
        let parent = match self.find(&path) {
            Err(Errno::NOENT | Errno::NOTDIR) => self.make(components, revive)?,
            found => found.map_err(failed(Operation::Resolve, &path))?,
        };
        self.last = Some((path, parent.clone()));
        Ok(parent)
    }

    /// The directory at `path`, if there is one.
    pub(super) fn find(&self, path: &[u8]) -> Result<Parent, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |resolve| {
            let text = if path.is_empty() { b"." } else { path };
            openat2(&self.directory, text, flags, Mode::empty(), resolve)
        };
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        match open(inside | ResolveFlags::NO_SYMLINKS) {
            Ok(directory) => Ok(Parent {
                directory: Rc::new(directory),
                path: path.into(),
            }),
            Err(Errno::LOOP) => {
                let directory = open(inside)?;
                let place = place_of(directory.as_fd())?;
                let below = place
                    .strip_prefix(self.place.as_slice())
                    .ok_or(Errno::XDEV)?;
                Ok(Parent {
                    directory: Rc::new(directory),
                    path: below.strip_prefix(b"/").unwrap_or(below).into(),
                })
            }
            Err(errno) => Err(errno),
        }
    }

    fn make(&self, components: &[&[u8]], revive: Revive<'_>) -> Result<Parent, EntryError> {
        let mut path = Vec::new();
        let resolve = |path: &[u8]| self.find(path);
        let mut parent = resolve(&path).map_err(failed(Operation::Resolve, &path))?;
        for name in components {
            path = join(&path, name);
            parent = match resolve(&path) {
                Err(Errno::NOENT) => {
                    let create = failed(Operation::Create, &path);
                    // EEXIST: a symbolic link to nowhere.
                    mkdirat(parent.fd(), *name, Mode::from(0o755)).map_err(create)?;
                    // The mode above is subject to the umask.
                    chmodat(parent.fd(), *name, Mode::from(0o755), AtFlags::empty())
                        .map_err(failed(Operation::ChangeMode, &path))?;
                    resolve(&path)
                }
                Err(Errno::NOTDIR) if revive(&parent, name)? => resolve(&path),
                found => found,
            }
            .map_err(failed(Operation::Resolve, &path))?;
        }
        Ok(parent)
    }

    /// Removes whatever is at `name`; a directory with all below it.
    pub(super) fn remove(&mut self, parent: &Parent, name: &[u8]) -> Result<(), EntryError> {
        let path = parent.child(name);
        let error = failed(Operation::Remove, &path);
        match unlinkat(parent.fd(), name, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::ISDIR) => {
                warren_lib_tree::remove(parent.fd(), name).map_err(error)?;
            }
            Err(errno) => return Err(error(errno)),
        }
        self.forget();
        Ok(())
    }
}

/// A directory of its own for attributes and times: not `O_PATH`, not followed.
pub(super) fn open_directory(parent: &Parent, name: &[u8]) -> Result<OwnedFd, EntryError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent.fd(), name, flags, Mode::empty())
        .map_err(failed(Operation::Inspect, &parent.child(name)))
}

pub(super) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// The path of an entry for calls that only take paths: through the descriptor of its parent, so
/// that nothing on the way can be a symbolic link.
pub(super) fn proc_path(parent: &Parent, name: &[u8]) -> std::path::PathBuf {
    use std::os::fd::AsRawFd;
    let directory = format!("/proc/self/fd/{}", parent.directory.as_raw_fd());
    Path::new(&directory).join(std::ffi::OsStr::from_bytes(name))
}

fn place_of(directory: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
    let place = readlinkat(rustix::fs::CWD, link, Vec::new())?;
    let place = std::ffi::OsString::from_vec(place.into_bytes()).into_vec();
    // The root of the file system tree must not end in a slash here.
    Ok(if place == b"/" { Vec::new() } else { place })
}
