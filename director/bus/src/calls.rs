//! What is told of calls of agents: a line for each, and how long they take by method.
//!
//! Questions that are asked again and again while something goes on (`get_task`, `ping`) are only
//! counted; what they wait for has a line of its own when it ends. Arguments and answers are in no line.

use std::time::Duration;

use serde_json::{Value, json};
use warren_lib_telemetry::metrics::Timing;
use warren_lib_telemetry::{Level, log};

use crate::Error;

static CALLS: Timing = Timing::new(
    "bosh_director_agent_call_duration_seconds",
    "Calls of agents, by method and outcome.",
);
static TASKS: Timing = Timing::new(
    "bosh_director_agent_task_duration_seconds",
    "What agents do in the background, by method and outcome.",
);

/// Tells of a call that has its answer, or none.
pub(crate) fn answered(agent: &str, method: &str, took: Duration, answer: &Result<Value, Error>) {
    let outcome = outcome(answer);
    CALLS.observe(&[("method", method), ("outcome", outcome)], took);
    if !matches!(method, "get_task" | "ping") {
        tell("agent_call", agent, method, outcome, took);
    }
}

/// Tells of a task of an agent that has ended, or for which nobody waits any more.
pub(crate) fn ended(agent: &str, method: &str, took: Duration, answer: &Result<Value, Error>) {
    let outcome = outcome(answer);
    TASKS.observe(&[("method", method), ("outcome", outcome)], took);
    tell("agent_task", agent, method, outcome, took);
}

fn tell(event: &str, agent: &str, method: &str, outcome: &str, took: Duration) {
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
    log::line(level, event, &fields);
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
