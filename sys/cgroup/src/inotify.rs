//! inotify on directories and files of a group, by descriptor.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use crate::dir::retry;
use crate::error::{Error, Step};

pub(crate) fn new(called: &Path) -> Result<OwnedFd, Error> {
    inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
        .map_err(|e| Error::kernel(Step::Watch, called, e))
}

/// Watches what `target` refers to; the same watch again if it is watched already.
pub(crate) fn watch(
    inotify: &OwnedFd,
    target: impl AsFd,
    called: &Path,
    flags: WatchFlags,
) -> Result<i32, Error> {
    // inotify takes a path only; this one leads to the very file that is open.
    let path = format!("/proc/self/fd/{}", target.as_fd().as_raw_fd());
    inotify::add_watch(inotify, path, flags).map_err(|e| Error::kernel(Step::Watch, called, e))
}

pub(crate) fn unwatch(inotify: &OwnedFd, watch: i32) {
    // The kernel drops watches on deleted inodes by itself.
    let _already_dropped = inotify::remove_watch(inotify, watch);
}

/// Takes all pending events, and tells whether there were any. Their content does not matter: the
/// callers look at the present state.
pub(crate) fn drain(inotify: &OwnedFd, called: &Path) -> Result<bool, Error> {
    let mut any = false;
    let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
    loop {
        match retry(|| rustix::io::read(inotify, &mut buffer).map(|(read, _)| read.len())) {
            Ok(n) if n > 0 => any = true,
            Ok(_) | Err(Errno::AGAIN) => return Ok(any),
            Err(e) => return Err(Error::kernel(Step::Watch, called, e)),
        }
    }
}

/// Waits until `fd` is readable. `false` when the time is up.
pub(crate) fn wait_readable(fd: impl AsFd, limit: Duration, called: &Path) -> Result<bool, Error> {
    let timeout = Timespec::try_from(limit).ok();
    let mut poll = [PollFd::new(&fd, PollFlags::IN)];
    match rustix::event::poll(&mut poll, timeout.as_ref()) {
        Ok(n) => Ok(n > 0),
        // The caller computes the time left and comes back.
        Err(Errno::INTR) => Ok(true),
        Err(e) => Err(Error::kernel(Step::Watch, called, e)),
    }
}
