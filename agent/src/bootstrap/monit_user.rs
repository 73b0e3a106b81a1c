//! The user and password of the supervisor's HTTP interface.
//!
//! Stock agents write a fixed password. Here it is by chance, made once, and readable for root
//! alone; whoever is to use it besides root reads the file.

use crate::files::{self, FileError, Lasting};
use crate::owner::Owner;
use crate::paths::Paths;

/// Makes it, unless there is one: the supervisor may have read it already. One that a crash has left
/// empty is made anew.
///
/// # Errors
/// [`FileError`].
pub fn make(paths: &Paths) -> Result<(), FileError> {
    let path = paths.monit_user();
    let found = files::read_if_there(&path)?.unwrap_or_default();
    let found = String::from_utf8_lossy(&found);
    if found.starts_with("vcap:") && found.trim().len() > "vcap:".len() {
        return Ok(());
    }
    let text = format!("vcap:{}", crate::id::uuid());
    let lasting = Lasting::UntilReboot;
    files::store(&path, text.as_bytes(), 0o600, Owner::ROOT, lasting)
}
