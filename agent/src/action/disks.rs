//! The methods of disks.

use serde_json::Value;
use warren_wire_agent::method::values::Unmounted;

use super::{Outcome, nothing, value};
use crate::agent::Agent;
use crate::disk::{dynamic, hints, migrate, mount, mounted};

pub(super) fn list(agent: &Agent) -> Outcome {
    // What the CPI has attached meanwhile counts as well.
    agent.settings.reload()?;
    value(&mounted(agent)?)
}

pub(super) fn mount(agent: &Agent, cid: &str) -> Outcome {
    mount::mount_disk(agent, cid)?;
    nothing()
}

pub(super) fn unmount(agent: &Agent, cid: &str) -> Outcome {
    let message = if mount::unmount_disk(agent, cid)? {
        format!("Unmounted partition of {cid}")
    } else {
        format!("Partition of {cid} is not mounted")
    };
    value(&Unmounted { message })
}

pub(super) fn migrate(agent: &Agent) -> Outcome {
    migrate::migrate(agent)?;
    nothing()
}

pub(super) fn add(agent: &Agent, cid: &str, hint: Value) -> Outcome {
    hints::add(agent, cid, hint)?;
    nothing()
}

pub(super) fn remove(agent: &Agent, cid: &str) -> Outcome {
    hints::remove(agent, cid)?;
    nothing()
}

pub(super) fn add_dynamic(agent: &Agent, cid: &str, hint: &Value) -> Outcome {
    dynamic::add(agent, cid, hint)?;
    nothing()
}

pub(super) fn remove_dynamic(agent: &Agent, cid: &str) -> Outcome {
    dynamic::remove(agent, cid)?;
    nothing()
}
