//! `fetch_logs` and `fetch_logs_with_signed_url`; also what `bundle_logs` packs.

use std::path::{Path, PathBuf};

use warren_wire_agent::method::arguments::{LogsRequest, SignedUrl};
use warren_wire_agent::method::values::Uploaded;

use super::{Error, Outcome, value};
use crate::agent::Agent;
use crate::pack;

/// Where logs of a kind are.
fn place(agent: &Agent, kind: &str) -> Option<PathBuf> {
    Some(match kind {
        "job" => agent.paths.logs(),
        "agent" => agent.paths.agent_logs(),
        "system" => agent.paths.system_logs(),
        _ => return None,
    })
}

/// Packs what is asked for. Of one kind, names begin at its directory; of several, at the kind.
pub(super) fn pack_into(agent: &Agent, request: &LogsRequest, archive: &Path) -> Result<(), Error> {
    let kinds: Vec<&str> = request.log_type.split(',').map(str::trim).collect();
    let mut sources = Vec::new();
    for kind in &kinds {
        let place = place(agent, kind).ok_or("Invalid log type")?;
        let prefix = if kinds.len() > 1 {
            format!("{kind}/")
        } else {
            String::new()
        };
        sources.push((prefix, place));
    }
    Ok(pack::logs(&sources, &request.filters, archive)?)
}

pub(super) fn fetch(agent: &Agent, request: &LogsRequest) -> Outcome {
    let blobs = agent.blobs();
    let archive = blobs.temporary()?;
    pack_into(agent, request, archive.path())?;
    let stored = blobs.store(archive.path())?;
    value(&Uploaded {
        blobstore_id: stored.id,
        sha1: stored.digest,
    })
}

pub(super) fn fetch_signed(agent: &Agent, request: &LogsRequest) -> Outcome {
    let blobs = agent.blobs();
    let archive = blobs.temporary()?;
    pack_into(agent, request, archive.path())?;
    let (url, headers) = (
        request.signed_url.clone(),
        request.blobstore_headers.clone(),
    );
    let stored = blobs.store_signed(&SignedUrl { url, headers }, archive.path())?;
    value(&Uploaded {
        blobstore_id: None,
        sha1: stored.digest,
    })
}
