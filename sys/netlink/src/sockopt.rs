//! Socket options of level `SOL_NETLINK`, which rustix does not have.
#![expect(
    unsafe_code,
    reason = "setsockopt(2) at level SOL_NETLINK has no safe wrapper"
)]

use std::os::fd::{AsFd, AsRawFd};

use rustix::io::Errno;

/// Join the multicast group of this number.
pub(crate) const ADD_MEMBERSHIP: libc::c_int = 1;
/// Leave the request's payload out of acknowledgements.
pub(crate) const CAP_ACK: libc::c_int = 10;
/// Put a message and the offending attribute's offset into acknowledgements.
pub(crate) const EXT_ACK: libc::c_int = 11;

/// Sets integer option `option` at level `SOL_NETLINK`.
pub(crate) fn set(fd: impl AsFd, option: libc::c_int, value: u32) -> Result<(), Errno> {
    const LEN: libc::socklen_t = 4;
    // SAFETY: `value` is a live 4-byte integer and LEN is its size; the kernel
    // only reads it. The descriptor is borrowed for the call.
    let result = unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            libc::SOL_NETLINK,
            option,
            (&raw const value).cast(),
            LEN,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(warren_sys_errno::last())
    }
}
