//! Small files that are whole or not there.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

/// Writes JSON in place of what is there: after a crash it is the old file or the new one.
///
/// Nothing is synced to disk: containers do not survive what only a disk would.
pub(crate) fn replace(path: &Path, value: &impl Serialize, mode: u32) -> std::io::Result<()> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    replace_bytes(path, &bytes, mode)
}

/// The same with any bytes.
pub(crate) fn replace_bytes(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&name)?;
    file.write_all(bytes)?;
    fs::rename(&name, path)
}
