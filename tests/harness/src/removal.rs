//! Removing what somebody who is on his way out still holds.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long that may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Removes an empty directory, or a cgroup whose last process ends just now.
///
/// # Panics
/// It cannot be removed, or is still held after a minute.
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = std::fs::remove_dir(path) {
        let may_go = error.kind() == ErrorKind::ResourceBusy && Instant::now() < deadline;
        assert!(may_go, "cannot remove {}: {error}", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}
