//! What is done at every boot, before the bus is connected.
//!
//! Each step looks at what is there and does what is missing. A step that cannot be done in a
//! container, or that this stemcell does not want, is passed over with a line in the log; a step
//! without which jobs cannot run ends the agent, and init starts it again.
//!
//! | step | passed over if |
//! |---|---|
//! | programs of the agent's life before are ended | |
//! | directories | |
//! | tmpfs for `sys/run` | it cannot be mounted |
//! | host name, hosts, name servers | not the system's root; hosts: there are records already |
//! | password, authorized keys | the settings give none |
//! | time servers | the settings give none |
//! | `/tmp`, swap, disks, kernel settings | always here: those of a container are its maker's |
//! | what settings ask for and nobody here does (`unheard`) | always: all that is named |
//! | last persistent disk | none was mounted |
//! | monit's user | there is one already |

pub mod certificates;
pub mod directories;
pub mod monit_user;
pub mod network;
pub mod users;

use warren_wire_agent::settings::Settings;

use crate::agent::Agent;
use crate::disk::{self, DiskError};
use crate::files::FileError;
use crate::left;
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
    let settings = agent.settings.settings();
    // Before what they have left is swept away.
    left::end(agent)?;
    directories::make(&agent.paths, &settings.env.bosh.run_dir)?;
    for directory in [
        agent.paths.data_jobs(),
        agent.paths.data_packages(),
        agent.paths.compile(),
    ] {
        sweep(&directory)?;
    }
    let mut passed =
        vec!["/tmp, swap, kernel settings and audit (those of a container are its maker's)"];
    passed.extend(unheard(&settings));
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

/// What these settings ask for and nobody here does.
fn unheard(settings: &Settings) -> Vec<&'static str> {
    let (env, bosh) = (&settings.env, &settings.env.bosh);
    let is_formatted = |kind: &str| !matches!(kind, "" | "parted" | "sfdisk");
    let asked = [
        (
            bosh.swap_size.is_some_and(|size| size > 0),
            "env.bosh.swap_size (a container has its maker's swap)",
        ),
        (
            bosh.job_dir.tmpfs,
            "env.bosh.job_dir.tmpfs (jobs stay on the disk)",
        ),
        (
            bosh.agent.settings.tmpfs,
            "env.bosh.agent.settings.tmpfs (settings stay on the disk)",
        ),
        (
            bosh.remove_dev_tools,
            "env.bosh.remove_dev_tools (not supported)",
        ),
        (
            bosh.remove_static_libraries,
            "env.bosh.remove_static_libraries (not supported)",
        ),
        (
            bosh.ipv6.enable,
            "env.bosh.ipv6.enable (a container has the IPv6 of its maker)",
        ),
        (
            is_formatted(&env.persistent_disk_partitioner),
            "env.persistent_disk_partitioner (partitioning is not supported)",
        ),
        (
            !settings.disks.raw_ephemeral.is_empty(),
            "disks.raw_ephemeral (partitioning is not supported)",
        ),
    ];
    let asked = asked.into_iter().filter(|(is_asked, _)| *is_asked);
    asked.map(|(_, what)| what).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warren_wire_agent::settings::Settings;

    use super::unheard;

    #[test]
    fn what_has_no_effect_is_told() {
        let parse = |env| {
            let settings = json!({"env": env, "disks": {"raw_ephemeral": [{"path": "/dev/sdc"}]}});
            Settings::parse(settings.to_string().as_bytes()).unwrap()
        };
        let quiet = parse(
            json!({"bosh": {"swap_size": 0, "run_dir": {"tmpfs_size": "32m"}},
            "persistent_disk_partitioner": "parted", "persistent_disk_mount_options": ["ro"]}),
        );
        assert_eq!(unheard(&quiet).len(), 1);
        let all = json!({"swap_size": 1, "job_dir": {"tmpfs": true}, "remove_dev_tools": true,
            "agent": {"settings": {"tmpfs": true}}, "remove_static_libraries": true,
            "ipv6": {"enable": true}});
        let all = parse(json!({"bosh": all, "persistent_disk_partitioner": "gdisk"}));
        let told = unheard(&all);
        assert_eq!(told.len(), 8, "{told:?}");
        assert!(told.contains(&"env.bosh.remove_dev_tools (not supported)"));
    }
}
