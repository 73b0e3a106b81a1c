//! Machines whose ids nobody was told, because their director died while they were made.
//!
//! ```text
//! row without an id ── the CPI has one of the name that it was asked to give ─────────────────► the id
//!        └─ no ── its agent answers ── says which machine it is in ── the CPI knows it ───────► the id
//!                    └─ no answer, no name, or another kind of name ──────────────────────────► none yet
//! ```
//!
//! Warren's CPI takes the name that it is asked to give (see [`intent`](crate::intent)). Others do not; but the
//! agent's user is there before its machine is, so the agent can be asked; what it calls its machine (`vm.name`
//! of its settings) is the CPI's id where machines have no names besides, as with Garden.
//!
//! `create_vm` outlives whoever called it. One that ends after it was looked for here is found by its name later,
//! as the intent stays for as long as that can be.

use std::time::Duration;

use serde_json::Value;
use warren_director_store::intents;
use warren_director_store::vms::Vm;

use crate::intent::is_known;
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
    let cpi = engine.cpi_named(task, &vm.cpi).await?;
    for asked in intents::of_owner(engine.store.pool(), &vm.agent_id).await? {
        if is_known(cpi.has_vm(&asked.cid).await)? {
            let cid = asked.cid;
            task.log(&format!("machine {cid} was made by somebody who died"));
            return Ok(Some(cid));
        }
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
    if name.is_empty() || !is_known(cpi.has_vm(name).await)? {
        return Ok(None);
    }
    task.log(&format!(
        "agent {} tells of machine {name}, which nobody knew of",
        vm.agent_id
    ));
    Ok(Some(name.to_owned()))
}
