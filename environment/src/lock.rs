//! One change of an environment at a time.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::{Error, files};

/// Held while something is changed; the kernel lets go of it when its holder dies.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Takes it, or fails at once.
    pub(crate) fn take(home: &Path) -> Result<Self, Error> {
        files::directory(home, 0o711)?;
        let path = home.join("lock");
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::file("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Busy(home.to_owned())),
            Err(errno) => Err(Error::file("lock", &path)(errno.into())),
        }
    }
}
