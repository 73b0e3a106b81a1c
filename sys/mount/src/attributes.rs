//! Changing attributes of a mount that is held by descriptor, attached or not.
//!
//! `mount_setattr(2)`, Linux 5.12. Unlike a remount it changes only what it is told to, so that
//! flags which a less privileged owner may not clear stay as they are.
#![expect(unsafe_code, reason = "mount_setattr has no safe face")]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountPropagationFlags};

/// `struct mount_attr` (linux/mount.h).
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Which mounts a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The mount alone.
    One,
    /// The mount and all below it.
    All,
}

/// Sets these attributes, and the propagation unless it is empty.
///
/// # Errors
/// `EPERM`: not allowed. `EINVAL`: not a mount's root, or not one of ours. `ENOSYS`: Linux before
/// 5.12.
pub fn set_attributes(
    mount: BorrowedFd<'_>,
    set: MountAttrFlags,
    propagation: MountPropagationFlags,
    depth: Depth,
) -> Result<(), Errno> {
    let attributes = Attributes {
        set: u64::from(set.bits()),
        clear: 0,
        propagation: u64::from(propagation.bits()),
        user_namespace: 0,
    };
    change(mount, &attributes, depth)
}

/// Takes these attributes away.
///
/// # Errors
/// As [`set_attributes`]; `EPERM` also for one that a more privileged owner has set.
pub fn clear_attributes(
    mount: BorrowedFd<'_>,
    clear: MountAttrFlags,
    depth: Depth,
) -> Result<(), Errno> {
    let attributes = Attributes {
        set: 0,
        clear: u64::from(clear.bits()),
        propagation: 0,
        user_namespace: 0,
    };
    change(mount, &attributes, depth)
}

fn change(mount: BorrowedFd<'_>, attributes: &Attributes, depth: Depth) -> Result<(), Errno> {
    let flags = match depth {
        Depth::One => libc::AT_EMPTY_PATH,
        Depth::All => libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
    };
    // SAFETY: the path is a valid C string, and `attributes` is a valid mount_attr of the size
    // passed; the kernel only reads both.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attributes),
            std::mem::size_of::<Attributes>(),
        )
    };
    if answer == 0 {
        return Ok(());
    }
    Err(warren_sys_errno::last())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::{Mode, OFlags};

    use super::*;

    #[test]
    fn a_detached_mount_becomes_read_only() {
        let mount = crate::detached("tmpfs", &[], MountAttrFlags::empty()).unwrap();
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
        let create = |name: &str| {
            rustix::fs::openat(&mount, name, flags, Mode::from_raw_mode(0o600)).map(drop)
        };
        create("one").unwrap();
        let read_only = MountAttrFlags::MOUNT_ATTR_RDONLY;
        let keep = MountPropagationFlags::empty();
        set_attributes(mount.as_fd(), read_only, keep, Depth::One).unwrap();
        assert_eq!(create("two"), Err(Errno::ROFS));
        clear_attributes(mount.as_fd(), read_only, Depth::One).unwrap();
        create("two").unwrap();
    }

    #[test]
    fn a_plain_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let opened = std::fs::File::open(directory.path()).unwrap();
        let private = MountPropagationFlags::PRIVATE;
        let answer = set_attributes(opened.as_fd(), MountAttrFlags::empty(), private, Depth::One);
        assert_eq!(answer, Err(Errno::INVAL));
    }
}
