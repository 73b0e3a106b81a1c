//! `run_script`: one script of all jobs.

use warren_wire_agent::method::arguments::ScriptOptions;

use super::{Outcome, nothing};
use crate::agent::Agent;
use crate::process::Cancel;
use crate::script::jobs::run_all;

pub(super) fn run(agent: &Agent, name: &str, options: &ScriptOptions, cancel: &Cancel) -> Outcome {
    run_all(agent, name, &options.env, cancel)?;
    nothing()
}
