//! How overlayfs is told, inside a layer, that something below is hidden.
//!
//! | form | whiteout | opaque directory |
//! |---|---|---|
//! | device | character device 0:0 | xattr `overlay.opaque` = `y` |
//! | xattr (Linux 6.7) | empty file with xattr `overlay.whiteout`, in a directory whose `overlay.opaque` is `x` | as above |
//!
//! The xattrs are in `trusted.`, or in `user.` for mounts with the option `userxattr`. Which of
//! this a file system takes is tried ([`Markers::probe`]): an overlay refuses devices 0:0, a user
//! namespace the `trusted.` attributes.
//!
//! Source: Documentation/filesystems/overlayfs.rst.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, XattrFlags, fsetxattr, mkdirat, mknodat, openat, unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// Where overlayfs looks for its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum XattrNamespace {
    /// `trusted.overlay.*`: the default.
    Trusted,
    /// `user.overlay.*`: with `userxattr`.
    User,
}

impl XattrNamespace {
    fn name(self, attribute: &str) -> String {
        match self {
            XattrNamespace::Trusted => format!("trusted.overlay.{attribute}"),
            XattrNamespace::User => format!("user.overlay.{attribute}"),
        }
    }
}

/// What a file system can hold of overlayfs's marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Markers {
    /// Attributes that can be set; `None`: neither kind.
    pub xattrs: Option<XattrNamespace>,
    /// Whether a character device 0:0 can be made.
    pub devices: bool,
}

impl Markers {
    /// Tries in a scratch directory below `directory`, which is removed again.
    ///
    /// # Errors
    /// Only where no directory can be made or removed there.
    pub fn probe(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let name = format!("markers-{}", crate::unique::name());
        mkdirat(directory, &name, Mode::RWXU)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(directory, &name, flags, Mode::empty());
        let found = opened.map(|scratch| {
            let settable = |space: &XattrNamespace| {
                fsetxattr(&scratch, space.name("opaque"), b"y", XattrFlags::empty()).is_ok()
            };
            let spaces = [XattrNamespace::Trusted, XattrNamespace::User];
            let devices = mknodat(&scratch, "w", FileType::CharacterDevice, Mode::empty(), 0);
            if devices.is_ok() {
                // The directory below could not be removed otherwise, which is reported.
                let _ = unlinkat(&scratch, "w", AtFlags::empty());
            }
            Self {
                xattrs: spaces.into_iter().find(settable),
                devices: devices.is_ok(),
            }
        });
        unlinkat(directory, &name, AtFlags::REMOVEDIR)?;
        found
    }

    /// Whether every layer can be marked such that overlayfs sees it.
    pub fn is_complete(self) -> bool {
        self.xattrs.is_some()
    }

    /// Puts a whiteout where no entry is. `false`: this file system has no form for it.
    pub(crate) fn whiteout(self, parent: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
        if self.devices {
            mknodat(parent, name, FileType::CharacterDevice, Mode::empty(), 0)?;
            return Ok(true);
        }
        let Some(space) = self.xattrs else {
            return Ok(false);
        };
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(parent, name, flags, Mode::empty())?;
        fsetxattr(&file, space.name("whiteout"), b"y", XattrFlags::empty())?;
        let directory = reopened(parent)?;
        // A directory that hides all needs no single whiteouts; it must stay so.
        match fsetxattr(directory, space.name("opaque"), b"x", XattrFlags::CREATE) {
            Ok(()) | Err(Errno::EXIST) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    /// Makes a directory opaque. `false`: this file system has no form for it.
    pub(crate) fn opaque(self, directory: BorrowedFd<'_>) -> Result<bool, Errno> {
        let Some(space) = self.xattrs else {
            return Ok(false);
        };
        let directory = reopened(directory)?;
        fsetxattr(directory, space.name("opaque"), b"y", XattrFlags::empty())?;
        Ok(true)
    }
}

/// `O_PATH` descriptors take no attributes.
fn reopened(directory: BorrowedFd<'_>) -> Result<impl AsFd + use<>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(directory, ".", flags, Mode::empty())
}

/// Whether an attribute would be taken for overlayfs's own; an archive must not carry those.
pub(crate) fn is_overlay_attribute(name: &[u8]) -> bool {
    name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.")
}
