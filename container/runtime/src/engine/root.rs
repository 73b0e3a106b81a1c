//! Making a directory the root of a mount namespace, and all else in it go.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, UnmountFlags, mount_change, move_mount, unmount,
};
use rustix::process::{chdir, fchdir, pivot_root};

use super::error::Failure;

/// Makes `root`, a mount attached nowhere, the root of the calling process's mount namespace.
///
/// The mounts copied from the host are made slaves first: nothing that happens to them here
/// reaches the host. The new root is put on top of the old one, they change places, and the old one
/// goes with all below it.
pub(super) fn enter(root: OwnedFd) -> Result<(), Failure> {
    let slaves = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change("/", slaves).map_err(|e| Failure::new("detach from the host", "all mounts", e))?;
    move_mount(
        root.as_fd(),
        "",
        CWD,
        "/",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .map_err(|e| Failure::new("mount", "the new root", e))?;
    fchdir(&root).map_err(|e| Failure::new("enter", "the new root", e))?;
    pivot_root(".", ".").map_err(|e| {
        let failure = Failure::new("make the root directory", "the new root", e);
        match e {
            Errno::INVAL => failure.hint("the present root is not a mount, as in an initramfs"),
            _ => failure,
        }
    })?;
    unmount(".", UnmountFlags::DETACH).map_err(|e| Failure::new("unmount", "the old root", e))?;
    chdir("/").map_err(|e| Failure::new("enter", "/", e))
}
