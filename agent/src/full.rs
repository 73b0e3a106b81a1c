//! Disks that are full, and quotas that are used up: what a director is told besides the cause.

use std::error::Error;
use std::io::{self, ErrorKind};

use crate::unpack::UnpackError;

/// What to do about it.
const REMEDY: &str = "; make room on that disk, or give the instance a larger one";

/// Whether there was no room.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// An error with its causes, and with what to do if there was no room.
#[must_use]
pub fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = warren_lib_errchain::chain(error);
    let mut one = Some(error);
    while let Some(error) = one {
        let io = error.downcast_ref::<io::Error>();
        let errno = error.downcast_ref::<rustix::io::Errno>();
        let unpack = error.downcast_ref::<UnpackError>();
        if io.is_some_and(is_full)
            || errno.is_some_and(|errno| is_full(&io::Error::from(*errno)))
            || matches!(unpack, Some(UnpackError::TooLarge { .. }))
        {
            text.push_str(REMEDY);
            break;
        }
        one = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{REMEDY, told};
    use crate::files::failed;
    use std::io;
    use std::path::Path;

    #[test]
    fn no_room_has_a_remedy_and_nothing_else_has() {
        for (errno, is_full) in [
            (rustix::io::Errno::NOSPC, true),
            (rustix::io::Errno::DQUOT, true),
            (rustix::io::Errno::ACCESS, false),
        ] {
            let text = told(&failed("write", Path::new("/x"))(io::Error::from(errno)));
            assert!(text.starts_with("cannot write /x: "), "{text}");
            assert_eq!(text.ends_with(REMEDY), is_full, "{text}");
            assert_eq!(told(&errno).ends_with(REMEDY), is_full);
        }
    }
}
