//! What whoever watches the director is told on the bus when a deploy begins and ends: the health monitor
//! records it as an event and passes it on.
//!
//! ```text
//! begin (severity 4) ──┬── finish (4)
//!                      └── error (3)
//! ```
//!
//! Source: reference of the agent's protocol, section 1; texts as in the recorded events of a stock director.

use serde_json::json;
use warren_director_store::{now, uuid};

use crate::{Engine, Error, Task};

/// Where alerts go.
const SUBJECT: &str = "hm.director.alert";

/// How far a deploy has come.
#[derive(Debug, Clone, Copy)]
pub enum Deploy<'a> {
    /// It begins.
    Begin,
    /// It is done.
    Finish,
    /// It failed.
    Error(&'a Error),
}

/// Tells of a deploy. What cannot be told is only in the task's log: no deploy fails for it.
pub fn deploy(engine: &Engine, task: &Task, deployment: &str, how: Deploy<'_>) {
    let about = format!(
        "update deployment for '{deployment}' against Director '{}'",
        engine.config.uuid
    );
    let (severity, step, summary) = match how {
        Deploy::Begin => (4, "begin", format!("Begin {about}")),
        Deploy::Finish => (4, "finish", format!("Finish {about}")),
        Deploy::Error(error) => (
            3,
            "error during",
            format!("Error during {about}: {}", error.story()),
        ),
    };
    let alert = json!({
        "id": uuid::new(),
        "severity": severity,
        "source": "director",
        "title": format!("director - {step} update deployment"),
        "summary": summary,
        "created_at": now(),
        "deployment": deployment,
    });
    let published = engine.bus.publish(SUBJECT, alert.to_string().as_bytes());
    if let Err(error) = published {
        let story = warren_lib_errchain::chain(&error);
        task.log(&format!("nobody is told of the deploy: {story}"));
    }
}
