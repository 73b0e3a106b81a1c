//! Machines whose ids nobody was told, because their director died while they were made.
//!
//! ```text
//! row without an id ── its agent answers ── says which machine it is in ── the CPI knows it ──► the id
//!                   └─ no answer, no name, or another kind of name ──────────────────────────► none
//! ```
//!
//! `create_vm` outlives whoever called it. The agent's user is there before its machine is, so the agent
//! can be asked; what it calls its machine (`vm.name` of its settings) is the CPI's id where machines have
//! no names besides, as with Garden. On networks that give addresses themselves nothing else would ever
//! tell of such a machine; where the director gives them, the CPI finds it by its address as well.

use std::time::Duration;

use serde_json::Value;
use warren_director_store::vms::Vm;

use crate::{Engine, Error, Task};

/// How long the agent of a machine may take that may be in the making.
const PATIENCE: Duration = Duration::from_secs(10);

/// The id of a row's machine if the row has none and there is a machine.
///
/// # Errors
/// [`Error::Cancelled`], or what the CPI said.
pub(crate) async fn id_of(engine: &Engine, task: &Task, vm: &Vm) -> Result<Option<String>, Error> {
    if vm.cid.is_some() {
        return Ok(None);
    }
    let agent = engine.bus.agent(&vm.agent_id);
    match agent.wait_until_ready(PATIENCE, task).await {
        Ok(()) => {}
        Err(error @ warren_director_bus::Error::Cancelled { .. }) => return Err(error.into()),
        Err(_) => return Ok(None),
    }
    let Ok(state) = agent.get_state(false, Some(PATIENCE)).await else {
        return Ok(None);
    };
    let Some(name) = state.pointer("/vm/name").and_then(Value::as_str) else {
        return Ok(None);
    };
    let cpi = engine.cpi_named(task, &vm.cpi).await?;
    if name.is_empty() || cpi.has_vm(name).await? != Some(true) {
        return Ok(None);
    }
    task.log(&format!(
        "agent {} tells of machine {name}, which nobody knew of",
        vm.agent_id
    ));
    Ok(Some(name.to_owned()))
}
