//! Disks that jobs use as devices: links in `data/dynamic_disks`.

use std::path::PathBuf;

use rustix::fs::stat;
use serde_json::Value;

use super::{DiskError, hints};
use crate::agent::Agent;
use crate::files;

/// Makes the link.
///
/// # Errors
/// [`DiskError`].
pub fn add(agent: &Agent, cid: &str, hint: &Value) -> Result<(), DiskError> {
    let place = place(agent, cid)?;
    let disk = hints::path(agent, cid, hint)?;
    // A job would find out much later, and could not tell why.
    stat(&disk).map_err(|source| DiskError::Mount {
        step: "find the disk at",
        path: disk.clone(),
        source,
    })?;
    let target = crate::install::apply::link_target(&agent.paths, &disk);
    Ok(files::link(&target, &place)?)
}

/// Removes the link; none there is fine.
///
/// # Errors
/// [`DiskError`].
pub fn remove(agent: &Agent, cid: &str) -> Result<(), DiskError> {
    Ok(files::remove(&place(agent, cid)?)?)
}

/// Where a disk's link is, or could be: what else is there is not ours to remove.
fn place(agent: &Agent, cid: &str) -> Result<PathBuf, DiskError> {
    let name = files::checked_name("disk", cid)?;
    let place = agent.paths.dynamic_disks().join(name);
    match place.symlink_metadata() {
        Ok(about) if !about.is_symlink() => Err(DiskError::NotALink(place)),
        // If it cannot be looked at, whatever is done next says why.
        _ => Ok(place),
    }
}
