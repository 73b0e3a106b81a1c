//! What a process may use at most.
//!
//! Memory and processes are limits of its control group, the rest are its own (`setrlimit(2)`).
//! Swap is limited to nothing where memory is limited. A limit of its own that is beyond what we may
//! set is cut to that, and told.

use std::collections::BTreeMap;

use warren_container_runtime::oci::{Memory, Pids, Resources};
use warren_container_runtime::spec::Resource;
use warren_wire_bpm::Limits;
use warren_wire_bpm::quantity::{NoQuantity, bytes};

use crate::host::Host;

/// Those of the control group.
pub(super) fn resources(limits: &Limits) -> Result<Resources, NoQuantity> {
    let memory = limits.memory.as_deref().map(bytes).transpose()?;
    let memory = memory.map(|bytes| {
        let limit = i64::try_from(bytes).unwrap_or(i64::MAX);
        Memory {
            limit: Some(limit),
            // Memory and swap together.
            swap: Some(limit),
        }
    });
    // None, and less, is no limit.
    let pids = limits.processes.filter(|most| *most > 0);
    Ok(Resources {
        memory,
        pids: pids.map(|limit| Pids { limit }),
        ..Resources::default()
    })
}

/// The process's own, and what could not be had.
pub(super) fn rlimits(limits: &Limits, host: &Host) -> (BTreeMap<Resource, u64>, Vec<String>) {
    let mut all = BTreeMap::new();
    let mut remarks = Vec::new();
    for (resource, name, wanted, most) in [
        (
            Resource::Nofile,
            "open_files",
            limits.open_files,
            host.open_files,
        ),
        (
            Resource::Core,
            "core_file_size",
            limits.core_file_size,
            host.core_file_size,
        ),
    ] {
        let Some(wanted) = wanted else { continue };
        let value = most.map_or(wanted, |most| most.min(wanted));
        if value < wanted {
            remarks.push(format!(
                "limit {name} is {value} instead of {wanted}: without CAP_SYS_RESOURCE it cannot be \
                 more than ours"
            ));
        }
        all.insert(resource, value);
    }
    (all, remarks)
}
