//! `sync_dns` and `sync_dns_with_signed_url`: records to `/etc/hosts` and `instance/dns`.
//!
//! The hosts file is written first, so that records which are kept are in force.

use warren_wire_agent::dns::{Records, RecordsError};
use warren_wire_agent::method::arguments::SyncDns;

use super::Outcome;
use crate::agent::Agent;
use crate::files::{self, failed};
use crate::owner::Owner;

const ANSWER: &str = "synced";

pub(super) fn run(agent: &Agent, wanted: &SyncDns) -> Outcome {
    let kept = files::read_if_there(&agent.paths.records())?;
    let kept = kept.and_then(|bytes| Records::parse(&bytes).ok());
    if kept.is_some_and(|records| records.version >= wanted.version) {
        return Ok(ANSWER.into());
    }
    let file = agent.blobs().fetch(&wanted.source, &wanted.digest)?;
    let bytes = std::fs::read(file.path()).map_err(failed("read", file.path()))?;
    let records = Records::parse(&bytes)?;
    if records.version != wanted.version {
        return Err(RecordsError::Version.into());
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
