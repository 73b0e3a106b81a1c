//! A service's log: appended to, and cut when it is long. Whoever writes keeps its descriptor, so
//! the content is copied away and the file emptied.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// How long a log may become.
const MOST: u64 = 20 * 1024 * 1024;

pub(super) fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(path)
}

/// Keeps one older file.
pub(super) fn rotate(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|about| about.len() > MOST) {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        std::fs::copy(path, PathBuf::from(old))?;
        OpenOptions::new().write(true).open(path)?.set_len(0)?;
    }
    Ok(())
}
