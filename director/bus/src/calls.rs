//! What is told of calls of agents: a line for each, and how long they take by method.
//!
//! Questions that are asked again and again while something goes on (`get_task`, `ping`) are only
//! counted; what they wait for has a line of its own when it ends. Arguments and answers are in no line.
//!
//! Who listens (a task's own log) hears besides of each request when it is sent, what it is about (a name that is in
//! the clear elsewhere), and the words of an error, which the task's own error would have as well.

use std::time::Duration;

use serde_json::{Value, json};
use warren_lib_telemetry::metrics::Timing;
use warren_lib_telemetry::{Level, log};

use crate::Error;
use crate::agent::task_of;

static CALLS: Timing = Timing::new(
    "bosh_director_agent_call_duration_seconds",
    "Calls of agents, by method and outcome.",
);
static TASKS: Timing = Timing::new(
    "bosh_director_agent_task_duration_seconds",
    "What agents do in the background, by method and outcome.",
);

/// Tells of a request that is about to be sent.
pub(crate) fn asked(agent: &str, method: &str, arguments: &[Value]) {
    // States are looked at each second while jobs start, and the answer says the same.
    if !is_repeated(method) && method != "get_state" {
        let mut fields = vec![("agent", json!(agent)), ("method", json!(method))];
        fields.extend(about(method, arguments).map(|about| ("about", json!(about))));
        log::detail("agent_asked", &fields);
    }
}

/// Tells of a call that has its answer, or none.
pub(crate) fn answered(agent: &str, method: &str, took: Duration, answer: &Result<Value, Error>) {
    let outcome = outcome(answer);
    CALLS.observe(&[("method", method), ("outcome", outcome)], took);
    if !is_repeated(method) {
        tell("agent_call", agent, method, took, answer);
    } else if let (Err(error), "get_task") = (answer, method) {
        let error = warren_lib_errchain::chain(error);
        let fields = [
            ("agent", json!(agent)),
            ("method", json!(method)),
            ("outcome", json!(outcome)),
            ("error", json!(error)),
        ];
        log::detail("agent_call", &fields);
    }
}

/// Whether it is asked again and again.
fn is_repeated(method: &str) -> bool {
    matches!(method, "get_task" | "ping")
}

/// What a request is about: a name, an id, a kind. Of methods that are not here nothing is told.
fn about(method: &str, arguments: &[Value]) -> Option<String> {
    let first = arguments.first()?;
    let about = match method {
        "run_script"
        | "run_errand"
        | "drain"
        | "fetch_logs"
        | "cancel_task"
        | "ssh"
        | "mount_disk"
        | "unmount_disk"
        | "add_persistent_disk"
        | "remove_persistent_disk"
        | "add_dynamic_disk"
        | "remove_dynamic_disk" => first,
        "compile_package" => arguments.get(2)?,
        "compile_package_with_signed_url" => first.get("name")?,
        "fetch_logs_with_signed_url" => first.get("log_type")?,
        "upload_blob" => first.get("blob_id")?,
        _ => return None,
    };
    about.as_str().map(ToOwned::to_owned)
}

/// What of an answer tells how it goes on.
fn gist(method: &str, answer: &Value) -> Option<(&'static str, Value)> {
    if let Some(task) = task_of(answer) {
        return Some(("agent_task", json!(task)));
    }
    match method {
        "get_state" => Some(("job_state", json!(answer.get("job_state")?.as_str()?))),
        "drain" => answer.is_i64().then(|| ("seconds", answer.clone())),
        "run_errand" => Some(("exit_code", json!(answer.get("exit_code")?.as_i64()?))),
        _ => None,
    }
}

/// Tells of a task of an agent that has ended, or for which nobody waits any more.
pub(crate) fn ended(agent: &str, method: &str, took: Duration, answer: &Result<Value, Error>) {
    let outcome = outcome(answer);
    TASKS.observe(&[("method", method), ("outcome", outcome)], took);
    tell("agent_task", agent, method, took, answer);
}

fn tell(event: &str, agent: &str, method: &str, took: Duration, answer: &Result<Value, Error>) {
    let outcome = outcome(answer);
    let level = if outcome == "ok" {
        Level::Info
    } else {
        Level::Warn
    };
    let fields = [
        ("agent", json!(agent)),
        ("method", json!(method)),
        ("outcome", json!(outcome)),
        ("ms", log::milliseconds(took)),
    ];
    let detail = match answer {
        Ok(answer) => gist(method, answer),
        Err(error) => Some(("error", json!(warren_lib_errchain::chain(error)))),
    };
    log::detailed(level, event, &fields, detail.as_slice());
}

fn outcome(answer: &Result<Value, Error>) -> &'static str {
    match answer {
        Ok(_) => "ok",
        Err(Error::Timeout { .. }) => "timeout",
        Err(Error::Exception { .. }) => "exception",
        Err(Error::Cancelled { .. }) => "cancelled",
        Err(_) => "error",
    }
}
