//! What is told of calls of a CPI: a line for each, and how long they take by method.
//!
//! The line has the kind of an error and not its words, which may hold what the request did.

use std::time::Duration;

use serde_json::{Value, json};
use warren_lib_telemetry::metrics::{Counter, Timing};
use warren_lib_telemetry::{Level, log};

use crate::Error;

static CALLS: Timing = Timing::new(
    "bosh_director_cpi_call_duration_seconds",
    "Calls of the CPI, by method and outcome.",
);
static FAILURES: Counter = Counter::new(
    "bosh_director_cpi_failures_total",
    "Calls of the CPI that failed, by method and kind of error.",
);

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
    log::line(level, "cpi_call", &fields);
}
