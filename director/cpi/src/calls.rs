//! What is told of calls of a CPI: a line for each, and how long they take by method.
//!
//! The line has the kind of an error and not its words, which may hold what the request did. Who listens (a task's own
//! log) hears them, as the task's own error has them too, and of each call when it begins and which ids it is about.

use std::time::Duration;

use serde_json::{Value, json};
use warren_lib_telemetry::metrics::{Counter, Timing};
use warren_lib_telemetry::{Level, log};
use warren_wire_cpi::Call;

use crate::Error;

static CALLS: Timing = Timing::new(
    "bosh_director_cpi_call_duration_seconds",
    "Calls of the CPI, by method and outcome.",
);
static FAILURES: Counter = Counter::new(
    "bosh_director_cpi_failures_total",
    "Calls of the CPI that failed, by method and kind of error.",
);

/// Tells of a call that begins.
pub(crate) fn asked(call: &Call, request_id: &str) {
    let mut fields = vec![
        ("method", json!(call.method())),
        ("cpi_request_id", json!(request_id)),
    ];
    fields.extend(about(call));
    log::detail("cpi_asked", &fields);
}

/// Tells of a call that is made once more after a while.
pub(crate) fn again(method: &'static str, pause: Duration) {
    let fields = [
        ("method", json!(method)),
        ("after_ms", log::milliseconds(pause)),
    ];
    log::detail("cpi_asked_again", &fields);
}

/// The ids that a call is about; nothing of what it carries besides.
fn about(call: &Call) -> Vec<(&'static str, Value)> {
    match call {
        Call::CreateVm {
            agent_id,
            stemcell_cid,
            ..
        } => vec![
            ("agent", json!(agent_id)),
            ("stemcell", json!(stemcell_cid)),
        ],
        Call::DeleteVm { cid }
        | Call::HasVm { cid }
        | Call::RebootVm { cid }
        | Call::SetVmMetadata { cid, .. }
        | Call::GetVmLog { cid }
        | Call::GetDisks { vm_cid: cid } => vec![("vm", json!(cid))],
        Call::AttachDisk { vm_cid, disk_cid } | Call::DetachDisk { vm_cid, disk_cid } => {
            vec![("vm", json!(vm_cid)), ("disk", json!(disk_cid))]
        }
        Call::CreateDisk { size, vm_cid, .. } => {
            vec![("vm", json!(vm_cid)), ("size", json!(size))]
        }
        Call::DeleteDisk { cid }
        | Call::HasDisk { cid }
        | Call::ResizeDisk { cid, .. }
        | Call::UpdateDisk { cid, .. }
        | Call::SetDiskMetadata { cid, .. }
        | Call::SnapshotDisk { cid, .. } => vec![("disk", json!(cid))],
        Call::DeleteSnapshot { cid } => vec![("snapshot", json!(cid))],
        Call::DeleteStemcell { cid } => vec![("stemcell", json!(cid))],
        Call::DeleteNetwork { cid } => vec![("network", json!(cid))],
        Call::Info
        | Call::CreateStemcell { .. }
        | Call::CalculateVmCloudProperties { .. }
        | Call::CreateNetwork { .. } => Vec::new(),
    }
}

/// What was made, or whether something is there.
fn gist(method: &str, answer: &Value) -> Option<Value> {
    match method {
        "create_vm" | "create_disk" | "create_stemcell" | "snapshot_disk" => {
            let id = answer.get(0).unwrap_or(answer);
            id.is_string().then(|| id.clone())
        }
        _ => answer.is_boolean().then(|| answer.clone()),
    }
}

/// Tells of a call.
pub(crate) fn answered(
    method: &'static str,
    request_id: &str,
    took: Duration,
    answer: &Result<Value, Error>,
) {
    let failure = match answer {
        Ok(_) => None,
        // A CPI can call its errors anything: only those of the contract are told apart.
        Err(Error::Refused { kind, .. }) => {
            Some(kind.map_or_else(|| "unknown".to_owned(), |kind| format!("{kind:?}")))
        }
        Err(Error::Run { .. }) => Some("run".to_owned()),
        Err(Error::Response { .. }) => Some("response".to_owned()),
        Err(Error::Version { .. }) => Some("version".to_owned()),
    };
    let outcome = if failure.is_none() { "ok" } else { "error" };
    CALLS.observe(&[("method", method), ("outcome", outcome)], took);
    let mut fields = vec![
        ("method", json!(method)),
        ("cpi_request_id", json!(request_id)),
        ("outcome", json!(outcome)),
        ("ms", log::milliseconds(took)),
    ];
    let level = match failure {
        None => Level::Info,
        Some(failure) => {
            FAILURES.count(&[("method", method), ("error", &failure)]);
            fields.push(("error", json!(failure)));
            Level::Warn
        }
    };
    let detail = match answer {
        Ok(answer) => gist(method, answer).map(|gist| ("answer", gist)),
        Err(error) => Some(("words", json!(warren_lib_errchain::chain(error)))),
    };
    log::detailed(level, "cpi_call", &fields, detail.as_slice());
}
