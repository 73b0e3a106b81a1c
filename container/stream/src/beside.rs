//! A file that is to take the place of another: written beside it, and put there when it is whole.
//!
//! ```text
//! .warren-PID-N ─ data, attributes, mode, time ─► NAME, which was the old file until then
//!       └─ any failure: removed, and NAME is the old file
//! ```
//!
//! Whoever is killed in the middle leaves it behind, under a name that begins with a dot.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::getpid;

/// Makes a file that must not exist, for its owner alone.
pub(crate) fn create(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::RUSR | Mode::WUSR)
}

/// A file under a name of its own; removed on drop unless it has been put where it belongs.
pub(crate) struct Beside<'a> {
    parent: BorrowedFd<'a>,
    name: Vec<u8>,
    is_placed: bool,
}

impl<'a> Beside<'a> {
    pub(crate) fn create(parent: BorrowedFd<'a>) -> Result<(Self, OwnedFd), Errno> {
        let pid = getpid().as_raw_nonzero();
        let mut number = 0_u32;
        loop {
            let name = format!(".warren-{pid}-{number}").into_bytes();
            match create(parent, &name) {
                Ok(file) => {
                    let beside = Self {
                        parent,
                        name,
                        is_placed: false,
                    };
                    return Ok((beside, file));
                }
                // Left by somebody who was killed, or of one with our number in another process table.
                Err(Errno::EXIST) => number = number.checked_add(1).ok_or(Errno::EXIST)?,
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Gives it this name in the same directory; whatever file had it has it no more.
    pub(crate) fn place(mut self, name: &[u8]) -> Result<(), Errno> {
        renameat(self.parent, self.name.as_slice(), self.parent, name)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // What went wrong before is what there is to tell.
            let _gone = unlinkat(self.parent, self.name.as_slice(), AtFlags::empty());
        }
    }
}
