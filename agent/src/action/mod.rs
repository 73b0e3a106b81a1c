//! The methods, one file each, and the one place where a call finds its own.

mod apply;
mod arp;
mod bundle_logs;
mod compile;
mod disks;
mod drain;
mod get_state;
mod logs;
mod remove_file;
mod run_script;
mod shutdown;
mod ssh;
mod start;
mod stop;
mod sync_dns;
mod update_settings;
mod upload_blob;

use serde::Serialize;
use serde_json::{Value, json};
use warren_wire_agent::method::Call;
use warren_wire_agent::method::values::Info;

use crate::agent::Agent;
use crate::process::Cancel;
use crate::script::errand;

/// Why an action failed; each module has its own types, the director gets the text.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// What an action answers.
pub type Outcome = Result<Value, Error>;

/// Version of the agent's API.
const API: u64 = 1;

/// Does what a call asks for.
///
/// # Errors
/// The action's own.
pub fn perform(agent: &Agent, call: Call, protocol: i64, cancel: &Cancel) -> Outcome {
    match call {
        Call::Ping => Ok("pong".into()),
        Call::Info => value(&Info { api_version: API }),
        Call::GetState { full } => get_state::run(agent, full),
        Call::Prepare(spec) => apply::prepare(agent, &spec),
        Call::Apply(spec) => apply::apply(agent, *spec),
        Call::Start => start::run(agent),
        Call::Stop => stop::run(agent, protocol),
        Call::Drain(kind) => drain::run(agent, &kind, cancel),
        Call::RunScript { name, options } => run_script::run(agent, &name, &options, cancel),
        Call::RunErrand { job } => value(&errand::run_one(agent, job.as_deref(), cancel)?),
        Call::CompilePackage(compile) => compile::run(agent, &compile, cancel),
        Call::FetchLogs(request) => logs::fetch(agent, &request),
        Call::FetchLogsSigned(request) => logs::fetch_signed(agent, &request),
        Call::BundleLogs(request) => bundle_logs::run(agent, &request),
        Call::RemoveFile { path } => remove_file::run(agent, path),
        Call::UploadBlob(blob) => upload_blob::run(agent, &blob),
        Call::Ssh {
            command,
            parameters,
        } => ssh::run(agent, &command, &parameters),
        Call::ListDisk => disks::list(agent),
        Call::MountDisk { cid } => disks::mount(agent, &cid),
        Call::UnmountDisk { cid } => disks::unmount(agent, &cid),
        Call::MigrateDisk => disks::migrate(agent),
        Call::AddPersistentDisk { cid, hint } => disks::add(agent, &cid, hint),
        Call::RemovePersistentDisk { cid } => disks::remove(agent, &cid),
        Call::AddDynamicDisk { cid, hint } => disks::add_dynamic(agent, &cid, &hint),
        Call::RemoveDynamicDisk { cid } => disks::remove_dynamic(agent, &cid),
        Call::UpdateSettings(update) => update_settings::run(agent, *update),
        Call::SyncDns(records) => sync_dns::run(agent, &records),
        Call::DeleteArpEntries(entries) => arp::run(&entries),
        Call::Shutdown => shutdown::run(agent),
        Call::CancelTask { id } => {
            agent.tasks.cancel(&id)?;
            Ok("canceled".into())
        }
        // Answered before it comes here.
        Call::GetTask { id } => Err(format!("Task with id {id} could not be found").into()),
    }
}

/// A value as it is answered.
fn value<T: Serialize>(of: &T) -> Outcome {
    Ok(serde_json::to_value(of)?)
}

/// The answer of methods that have nothing to say.
fn nothing() -> Outcome {
    Ok(json!({}))
}
