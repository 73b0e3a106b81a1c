//! `sync_dns` and `sync_dns_with_signed_url`: records to `/etc/hosts` and `instance/dns`.
//!
//! The hosts file is written first, so that records which are kept are in force. Several may be fetched
//! at once, and come in any order: the newest stay.

use std::sync::PoisonError;

use warren_wire_agent::dns::{Records, RecordsError};
use warren_wire_agent::method::arguments::SyncDns;

use super::Outcome;
use crate::agent::Agent;
use crate::files::{self, FileError, failed};
use crate::owner::Owner;

const ANSWER: &str = "synced";

pub(super) fn run(agent: &Agent, wanted: &SyncDns) -> Outcome {
    if are_kept(agent, wanted.version)? {
        return Ok(ANSWER.into());
    }
    let file = agent.blobs().fetch(&wanted.source, &wanted.digest)?;
    let bytes = std::fs::read(file.path()).map_err(failed("read", file.path()))?;
    let records = Records::parse(&bytes)?;
    if records.version != wanted.version {
        return Err(RecordsError::Version.into());
    }
    let _writing = agent.records.lock().unwrap_or_else(PoisonError::into_inner);
    // Newer ones may have come while these were fetched.
    if are_kept(agent, wanted.version)? {
        return Ok(ANSWER.into());
    }
    let hosts = records.hosts_file(&agent.settings.agent_id());
    files::replace(
        &agent.paths.hosts(),
        hosts.as_bytes(),
        0o644,
        Owner::ROOT,
        files::Lasting::Yes,
    )?;
    files::write(&agent.paths.records(), &bytes, 0o640, agent.vcap())?;
    Ok(ANSWER.into())
}

/// Whether there are these records, or newer ones.
fn are_kept(agent: &Agent, version: u64) -> Result<bool, FileError> {
    let kept = files::read_if_there(&agent.paths.records())?;
    let kept = kept.and_then(|bytes| Records::parse(&bytes).ok());
    Ok(kept.is_some_and(|records| records.version >= version))
}
