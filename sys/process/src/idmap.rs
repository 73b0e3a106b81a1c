//! Mounts that show other owners: the ids of a user namespace applied to a mount.
//!
//! Linux 5.12, `mount_setattr(2)` with `MOUNT_ATTR_IDMAP`; which file systems take part grew over
//! the versions.
#![expect(unsafe_code, reason = "mount_setattr has no safe face")]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// `MOUNT_ATTR_IDMAP` (linux/mount.h).
const IDMAP: u64 = 0x0010_0000;

/// `struct mount_attr` (linux/mount.h).
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Maps the owners on a detached mount (`open_tree` with `OPEN_TREE_CLONE`) by the ids of a user
/// namespace.
///
/// # Errors
/// `EINVAL`: the file system cannot. `EPERM`: not allowed, mapped already, or the namespace is the
/// file system's own. `ENOSYS`: Linux before 5.12.
pub fn apply(mount: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    let attributes = Attributes {
        set: IDMAP,
        clear: 0,
        propagation: 0,
        user_namespace: u64::from(user_namespace.as_raw_fd().unsigned_abs()),
    };
    // SAFETY: the path is a valid C string, and `attributes` is a valid mount_attr of the size
    // passed; the kernel only reads both.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            std::mem::size_of::<Attributes>(),
        )
    };
    if answer == 0 {
        return Ok(());
    }
    Err(warren_sys_errno::last())
}
