//! The number of an error of the kernel.
//!
//! Errors of the standard library carry it, but one may come without: then it is [`Errno::IO`].

use std::io;

use rustix::io::Errno;

/// The number in an error of the standard library.
#[must_use]
pub fn of(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// What the last failed system call of this thread said.
#[must_use]
pub fn last() -> Errno {
    of(&io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_number_is_one_of_io() {
        let missing = std::fs::File::open("/proc/nothing-is-called-this").unwrap_err();
        assert_eq!((of(&missing), last()), (Errno::NOENT, Errno::NOENT));
        assert_eq!(of(&io::Error::other("the disk is on fire")), Errno::IO);
    }
}
