//! One change of an environment at a time.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::{Error, files};

/// A program that the holder was about to execute when he was killed has the lock too, until it is executed.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);

/// Held while something is changed; the kernel lets go of it when its holder dies.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes it, or fails soon.
    pub(crate) fn take(home: &Path) -> Result<Self, Error> {
        files::directory(home, 0o711)?;
        let path = home.join("lock");
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::file("open", &path))?;
        let end = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self(file)),
                Err(Errno::WOULDBLOCK) if Instant::now() < end => std::thread::sleep(POLL),
                Err(Errno::WOULDBLOCK) => return Err(Error::Busy(home.to_owned())),
                Err(errno) => return Err(Error::file("lock", &path)(errno.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_gone_in_a_moment_is_waited_for_and_who_stays_is_not() {
        let home = tempfile::tempdir().unwrap();
        let held = Lock::take(home.path()).unwrap();
        let error = Lock::take(home.path()).unwrap_err();
        assert!(matches!(error, Error::Busy(_)), "{error}");
        let next = std::thread::scope(|scope| {
            let next = scope.spawn(|| Lock::take(home.path()));
            std::thread::sleep(POLL * 3);
            drop(held);
            next.join().unwrap()
        });
        drop(next.unwrap());
    }
}
