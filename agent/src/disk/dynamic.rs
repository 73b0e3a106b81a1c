//! Disks that jobs use as devices: links in `data/dynamic_disks`.

use serde_json::Value;

use super::{DiskError, hints};
use crate::agent::Agent;
use crate::files;

/// Makes the link.
///
/// # Errors
/// [`DiskError`].
pub fn add(agent: &Agent, cid: &str, hint: &Value) -> Result<(), DiskError> {
    let name = files::checked_name("disk", cid)?;
    let disk = hints::path(agent, cid, hint)?;
    let target = crate::install::apply::link_target(&agent.paths, &disk);
    Ok(files::link(
        &target,
        &agent.paths.dynamic_disks().join(name),
    )?)
}

/// Removes the link; none there is fine.
///
/// # Errors
/// [`DiskError`].
pub fn remove(agent: &Agent, cid: &str) -> Result<(), DiskError> {
    let name = files::checked_name("disk", cid)?;
    Ok(files::remove(&agent.paths.dynamic_disks().join(name))?)
}
