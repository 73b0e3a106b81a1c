//! Whole directory trees of images: copying, giving to others, removing and looking below a root.

mod beneath;
mod copy;
mod shift;

pub(crate) use beneath::{empty_beneath, open_beneath, remove_beneath};
pub(crate) use copy::{Method, copy};
pub(crate) use shift::shift;

use rustix::io::Errno;

/// A stack for the deepest tree that an image can have: there are 2048 names in a path of 4096 bytes, and a level
/// takes 3 KiB where nothing is optimised. What is not used of it takes no memory.
const STACK: usize = 16 << 20;

/// Does what calls itself for each level of an image's tree on a stack that is large enough for that, whoever asks.
fn with_room<T: Send>(walk: impl FnOnce() -> T + Send) -> Result<T, Errno> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let walking = thread.spawn_scoped(scope, walk);
        let walking =
            walking.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
        match walking.join() {
            Ok(done) => Ok(done),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, OwnedFd};
    use std::path::Path;

    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use warren_sys_process::user_namespace::Map;

    use super::{Method, copy, shift};

    /// As many levels as a path may name, or as there are descriptors for three each.
    fn deepest() -> usize {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let current = maximum;
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
        let most = maximum.map_or(usize::MAX, |most| usize::try_from(most).unwrap());
        ((most - 100) / 3).min(2040)
    }

    fn open(path: &Path) -> OwnedFd {
        openat(CWD, path, OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    #[test]
    fn the_deepest_image_fits_on_the_stack() {
        let top = tempfile::tempdir().unwrap();
        let (from, to) = (top.path().join("from"), top.path().join("to"));
        for path in [&from, &to] {
            std::fs::create_dir(path).unwrap();
        }
        let (mut at, depth) = (open(&from), deepest());
        for _ in 0..depth {
            mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = openat(&at, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        copy(
            open(&from).as_fd(),
            open(&to).as_fd(),
            Method::Copy,
            &|_| false,
        )
        .unwrap();
        let map = Map {
            inside: 0,
            outside: 7000,
            count: 10,
        };
        shift(open(&to).as_fd(), &[map]).unwrap();
        let mut at = open(&to);
        for _ in 0..depth {
            at = openat(&at, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
            assert_eq!(rustix::fs::fstat(&at).unwrap().st_uid, 7000);
        }
        for path in [&from, &to] {
            warren_lib_tree::remove_all(path).unwrap();
        }
    }
}
