//! `shutdown`: the VM ends.
//!
//! In a container with our init the init is asked to end, and the container ends with it;
//! elsewhere the system is.

use super::Outcome;
use crate::agent::Agent;
use crate::init;
use crate::process::tool;
use crate::say;

pub(super) fn run(agent: &Agent) -> Outcome {
    if !agent.paths.is_system() {
        return Err("an agent of another root does not end the system".into());
    }
    if init::ask_to_end() {
        say!("shutdown", "asked init to end");
    } else {
        tool("shutdown", &["-P", "0"])?;
    }
    Ok("".into())
}
