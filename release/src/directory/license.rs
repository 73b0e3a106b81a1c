//! The licence: files `LICENSE*` and `NOTICE*` at the top of the directory.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Error;
use super::error::file;
use super::member::{Links, Member};

/// Gathers them; there may be none.
pub(super) fn read(root: &Path) -> Result<Vec<Member>, Error> {
    let mut members = Vec::new();
    for entry in fs::read_dir(root).map_err(file("list", root))? {
        let entry = entry.map_err(file("list", root))?;
        let name = entry.file_name();
        let name = name.as_bytes();
        if name.starts_with(b"LICENSE") || name.starts_with(b"NOTICE") {
            let member = Member::new(name.to_vec(), entry.path(), Links::Keep)?;
            members.push(member.without_mode());
        }
    }
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}
