//! What is done at every boot, before the bus is connected.
//!
//! Each step looks at what is there and does what is missing. A step that cannot be done in a
//! container, or that this stemcell does not want, is passed over with a line in the log; a step
//! without which jobs cannot run ends the agent, and init starts it again.
//!
//! | step | passed over if |
//! |---|---|
//! | directories | |
//! | tmpfs for `sys/run` | it cannot be mounted |
//! | host name, hosts, name servers | not the system's root; hosts: there are records already |
//! | password, authorized keys | the settings give none |
//! | time servers | the settings give none |
//! | `/tmp`, swap, disks, kernel settings | always here: those of a container are its maker's |
//! | last persistent disk | none was mounted |
//! | monit's user | there is one already |

pub mod certificates;
pub mod directories;
pub mod monit_user;
pub mod network;
pub mod users;

use crate::agent::Agent;
use crate::disk::{self, DiskError};
use crate::files::FileError;
use crate::say;
use crate::unpack::sweep;

/// The agent cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The disk.
    #[error("cannot mount the persistent disk")]
    Disk(#[source] DiskError),
}

/// All steps.
///
/// # Errors
/// [`BootstrapError`].
pub fn run(agent: &Agent) -> Result<(), BootstrapError> {
    directories::make(&agent.paths)?;
    for directory in [
        agent.paths.data_jobs(),
        agent.paths.data_packages(),
        agent.paths.compile(),
    ] {
        sweep(&directory)?;
    }
    let mut passed =
        vec!["/tmp, swap, kernel settings and audit (those of a container are its maker's)"];
    let settings = agent.settings.settings();
    network::set_up(agent, &settings)?;
    if !users::set_up(&agent.paths, &settings.env.bosh)? {
        passed.push("passwords and keys (the settings give none)");
    }
    if !network::time_servers(&agent.paths, &settings)? {
        passed.push("time servers (the settings give none)");
    }
    let is_plain = |kind: &serde_json::Value| kind.is_null() || kind.as_str() == Some("");
    if !agent.config.platform.linux.skip_disk_setup && !is_plain(&settings.disks.ephemeral) {
        passed.push("the ephemeral disk (partitioning is not supported)");
    }
    match disk::mount::mount_last(agent).map_err(BootstrapError::Disk)? {
        Some(cid) => say!("bootstrap", "the persistent disk {cid} is mounted"),
        None => passed.push("the persistent disk (none was mounted last)"),
    }
    monit_user::make(&agent.paths)?;
    say!("bootstrap", "passed over: {}", passed.join("; "));
    Ok(())
}
