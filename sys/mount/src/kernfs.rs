//! A directory of a kernfs tree (cgroup, sysfs) by its 64-bit node id.
//!
//! The id is what `stat` calls the inode number, what nftables' `socket cgroupv2` compares and what
//! sock_diag reports. A kernfs file handle is nothing but that id (`FILEID_KERNFS`,
//! linux/exportfs.h), so the kernel can be asked for the directory without any path to it, even for
//! one outside the caller's cgroup namespace.
#![expect(unsafe_code, reason = "open_by_handle_at is only in libc")]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// Handle type of kernfs: the handle bytes are the node id in host order.
const FILEID_KERNFS: libc::c_int = 0xfe;

/// Node id of the root of every kernfs tree on kernels with 64-bit inode numbers.
pub const ROOT_ID: u64 = 1;

/// `struct file_handle` with room for a kernfs id.
#[repr(C)]
struct Handle {
    bytes: libc::c_uint,
    kind: libc::c_int,
    id: [u8; 8],
}

/// Opens the directory with this id, in the tree that `mount` (any open directory of it) belongs
/// to.
///
/// # Errors
/// - `EPERM`: needs `CAP_DAC_READ_SEARCH` in the initial user namespace.
/// - `ESTALE`: no such node (any more).
/// - `EOPNOTSUPP`: the tree has no file handles.
pub fn open_by_id(mount: impl AsFd, id: u64) -> Result<OwnedFd, Errno> {
    let mut handle = Handle {
        bytes: 8,
        kind: FILEID_KERNFS,
        id: id.to_ne_bytes(),
    };
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: `Handle` has the layout of `struct file_handle` followed by the 8 bytes that its
    // length field announces, and outlives the call.
    let fd = unsafe {
        libc::open_by_handle_at(
            mount.as_fd().as_raw_fd(),
            std::ptr::from_mut(&mut handle).cast::<libc::file_handle>(),
            flags,
        )
    };
    if fd < 0 {
        return Err(warren_sys_errno::last());
    }
    // SAFETY: the kernel has just returned this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
