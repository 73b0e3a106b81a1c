//! Terminals of a container's own devpts instance.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::error::{Failure, SpawnError};
use crate::spec;

/// A pair of terminal ends. Line endings are translated on output (`ONLCR`), as the kernel does
/// for every new terminal.
#[derive(Debug)]
pub struct Terminal {
    /// For the keeper; its size is that of the terminal.
    pub master: OwnedFd,
    /// For the process.
    pub slave: OwnedFd,
}

impl Terminal {
    pub(super) fn open(devpts: BorrowedFd<'_>, size: spec::Terminal) -> Result<Self, SpawnError> {
        let failed =
            |step| move |errno: Errno| SpawnError::Step(Failure::new(step, "a terminal", errno));
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let master =
            rustix::fs::openat(devpts, c"ptmx", flags, Mode::empty()).map_err(failed("open"))?;
        unlockpt(&master).map_err(failed("unlock"))?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = ioctl_tiocgptpeer(&master, flags).map_err(failed("open the other end of"))?;
        resize(&master, size).map_err(failed("size"))?;
        Ok(Self { master, slave })
    }
}

/// Sets a terminal's size, through either end; processes in it get SIGWINCH.
///
/// # Errors
/// It is no terminal.
pub fn resize(terminal: impl std::os::fd::AsFd, size: spec::Terminal) -> Result<(), Errno> {
    let (columns, rows) = size.size();
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size)
}
