//! Closing what a process has been handed without asking.

#![expect(unsafe_code, reason = "close_range has no safe face")]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// Closes every descriptor of this process but those in `keep`.
///
/// For a process that has just begun, where the others were inherited, or for a forked child that
/// does one thing and ends by [`fork::exit`](crate::fork::exit): values that own a closed
/// descriptor must not be used or dropped afterwards.
///
/// # Errors
/// Neither `close_range` (Linux 5.9) nor `/proc/self/fd` could be used.
pub fn close_all_but(keep: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut keep: Vec<u32> = keep
        .iter()
        .filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok())
        .collect();
    keep.sort_unstable();
    keep.dedup();
    match by_ranges(&keep) {
        Err(Errno::NOSYS | Errno::PERM) => one_by_one(&keep),
        other => other,
    }
}

fn by_ranges(keep: &[u32]) -> Result<(), Errno> {
    let mut first = 0;
    for kept in keep {
        if *kept > first {
            close_range(first, kept - 1)?;
        }
        first = kept + 1;
    }
    close_range(first, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: the caller vouches that nothing uses these descriptors any more.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if answer == 0 {
        return Ok(());
    }
    Err(warren_sys_errno::last())
}

fn one_by_one(keep: &[u32]) -> Result<(), Errno> {
    let from = |error: std::io::Error| warren_sys_errno::of(&error);
    // Listed in full first: the listing itself has a descriptor, which is gone by then.
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").map_err(from)? {
        let name = entry.map_err(from)?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    for number in found {
        if let (false, Ok(number)) = (keep.contains(&number), i32::try_from(number)) {
            // SAFETY: as above. That of the listing is not open any more, which is refused.
            unsafe { libc::close(number) };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// Closing is done in a child program: here it would hit the test runner.
    #[test]
    fn both_ways_leave_what_is_kept() {
        for (way, name) in [
            (by_ranges as fn(&[u32]) -> _, "ranges"),
            (one_by_one, "one"),
        ] {
            let (read, write) = rustix::pipe::pipe().unwrap();
            let other = std::fs::File::open("/dev/null").unwrap();
            // SAFETY: the child makes system calls and the little allocation that listing a
            // directory takes; no other thread of this test holds the allocator for long.
            match unsafe { libc::fork() } {
                0 => {
                    let kept = [write.as_raw_fd() as u32];
                    let right = way(&kept).is_ok()
                        && rustix::io::fcntl_getfd(&other).is_err()
                        && rustix::io::fcntl_getfd(&read).is_err()
                        && rustix::io::write(write.as_fd(), b"y").is_ok();
                    // SAFETY: only ends the child.
                    unsafe { libc::_exit(i32::from(!right)) }
                }
                pid => {
                    drop(write);
                    let mut status = 0;
                    // SAFETY: `status` is a valid place for the answer.
                    unsafe { libc::waitpid(pid, &raw mut status, 0) };
                    let mut byte = [0];
                    assert_eq!(rustix::io::read(&read, &mut byte), Ok(1), "{name}");
                    assert_eq!((byte, status), (*b"y", 0), "{name}");
                }
            }
        }
    }
}
