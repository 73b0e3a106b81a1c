//! Whether a machine's agent answers; and of one that does not, whether there is a machine at all.
//!
//! ```text
//! get_state ── answer ──────────────────────────────► says
//!     │ 2 s without one: the CPI is asked ── no such machine ──► gone
//!     └─ patience is over ──────────────────────────► silent
//! ```

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout};
use warren_director_store::vms::Vm;

use crate::{Engine, Error, Task};

/// After how long without an answer the CPI is asked. Agents that are well need milliseconds.
const SOON: Duration = Duration::from_secs(2);
/// How often it is looked whether the task was cancelled.
const LOOK: Duration = Duration::from_millis(200);

/// What came of asking.
#[derive(Debug)]
pub enum Reached {
    /// The agent's state.
    Says(Value),
    /// No answer.
    Silent(warren_director_bus::Error),
    /// No answer, and the CPI knows no such machine.
    Gone,
}

/// Asks a machine's agent for its state; `patience` is for the answer, the bus's own if `None`.
///
/// # Errors
/// [`Error::Cancelled`], what the agent answers instead of a state, what the CPI says if it is asked.
pub async fn state(
    engine: &Engine,
    task: &Task,
    vm: &Vm,
    patience: Option<Duration>,
) -> Result<Reached, Error> {
    let reached = look(engine, task, vm, patience).await;
    match &reached {
        Ok(Reached::Silent(_) | Reached::Gone) => engine.silent().add(&vm.agent_id),
        Ok(Reached::Says(_)) => engine.silent().remove(&vm.agent_id),
        Err(_) => {}
    }
    reached
}

async fn look(
    engine: &Engine,
    task: &Task,
    vm: &Vm,
    patience: Option<Duration>,
) -> Result<Reached, Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let mut asked = std::pin::pin!(agent.get_state(false, patience));
    let begun = Instant::now();
    let mut looked = false;
    loop {
        match timeout(LOOK, &mut asked).await {
            Ok(Ok(state)) => return Ok(Reached::Says(state)),
            Ok(Err(error)) if error.is_timeout() => return Ok(Reached::Silent(error)),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => task.check()?,
        }
        if !looked && begun.elapsed() >= SOON {
            looked = true;
            if is_gone(engine, task, vm).await? {
                return Ok(Reached::Gone);
            }
        }
    }
}

/// Whether the CPI knows that there is no such machine.
async fn is_gone(engine: &Engine, task: &Task, vm: &Vm) -> Result<bool, Error> {
    let cid = vm.cid.as_deref().unwrap_or_default();
    let cpi = engine.cpi_named(task, &vm.cpi).await?;
    Ok(cpi.has_vm(cid).await? == Some(false))
}
