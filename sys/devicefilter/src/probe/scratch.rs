//! A child cgroup for one probe.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{ProbeError, failed};

/// A name that no other probe uses.
pub(crate) fn scratch_name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("warren-probe-{}-{unique}", std::process::id())
}

/// A child cgroup for one probe, removed when closed or dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    procs: OwnedFd,
    open: bool,
}

impl Scratch {
    /// Below `parent`, of either hierarchy version. A leaf of its own is needed because a
    /// cgroup2 that delegates controllers takes no processes itself.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn below(parent: &Path) -> Result<Self, ProbeError> {
        let path = parent.join(scratch_name());
        rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755))
            .map_err(failed("make cgroup", Some(&path)))?;
        let procs_path = path.join("cgroup.procs");
        let opened = rustix::fs::open(&procs_path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        match opened {
            Ok(procs) => Ok(Self {
                path,
                procs,
                open: true,
            }),
            Err(errno) => {
                rustix::fs::rmdir(&path).map_err(failed("remove cgroup", Some(&path)))?;
                Err(failed("open", Some(&procs_path))(errno))
            }
        }
    }

    /// Its `cgroup.procs`, open for writing.
    #[must_use]
    pub fn procs(&self) -> BorrowedFd<'_> {
        self.procs.as_fd()
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it.
    ///
    /// # Errors
    /// [`ProbeError`]; dropping instead tries once more and keeps silent.
    pub fn close(mut self) -> Result<(), ProbeError> {
        self.open = false;
        self.remove()
    }

    fn remove(&self) -> Result<(), ProbeError> {
        // A dead child leaves its cgroup a moment after its parent learns of it.
        let mut answer = Ok(());
        for _ in 0..100 {
            answer = rustix::fs::rmdir(&self.path);
            if !matches!(answer, Err(Errno::BUSY)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        answer.map_err(failed("remove cgroup", Some(&self.path)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.open {
            // Only on the way out of another error, which is the one to be told.
            drop(self.remove());
        }
    }
}
