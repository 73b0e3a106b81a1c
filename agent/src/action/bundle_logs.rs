//! `bundle_logs`: logs for somebody who fetches them with `scp`.

use warren_wire_agent::digest::Algorithm;
use warren_wire_agent::method::arguments::LogsRequest;
use warren_wire_agent::method::values::LogsBundle;

use super::{Outcome, value};
use crate::agent::Agent;
use crate::digest;
use crate::files::{self, failed};
use crate::owner::Owner;

pub(super) fn run(agent: &Agent, request: &LogsRequest) -> Outcome {
    let place = agent.paths.tmp();
    let owner = match &*request.owning_user {
        "" => Owner::ROOT,
        user => {
            Owner::user(&agent.paths, user).ok_or_else(|| format!("there is no user {user}"))?
        }
    };
    let archive = tempfile::Builder::new()
        .prefix("bosh-logs-")
        .suffix(".tgz")
        .tempfile_in(&place)
        .map_err(failed("make a file in", &place))?;
    super::logs::pack_into(agent, request, archive.path())?;
    let digests = digest::of_file(archive.path(), &[Algorithm::Sha512])?;
    owner.give(archive.path())?;
    let (_, path) = archive
        .keep()
        .map_err(|error| files::failed("keep", error.file.path())(error.error))?;
    value(&LogsBundle {
        logs_tar_path: path.display().to_string(),
        sha512: digests.first().map(ToString::to_string).unwrap_or_default(),
    })
}
