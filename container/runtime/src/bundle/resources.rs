//! Limits and device rules.

use super::devices;
use crate::host::Host;
use crate::oci::{Cpu, Memory, Pids, Resources};
use crate::spec::ContainerSpec;

/// The limits and the device rules.
#[must_use]
pub fn of(spec: &ContainerSpec, host: &Host) -> Resources {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let memory = spec.limits.memory.map(|bytes| Memory {
        limit: Some(signed(bytes)),
        // Memory and swap together: as much as memory alone is no swap.
        swap: (!spec.limits.swap).then(|| signed(bytes)),
    });
    let cpu = spec.limits.cpu_shares.map(|shares| Cpu {
        shares: Some(shares),
    });
    let pids = spec.limits.pids.map(|most| Pids {
        limit: signed(most),
    });
    Resources {
        devices: devices::rules(spec, host),
        memory,
        cpu,
        pids,
    }
}
