//! Limits and device rules.

use super::devices;
use crate::host::Host;
use crate::oci::{Cpu, Memory, Pids, Resources};
use crate::spec::{ContainerSpec, Limits};
use warren_sys_devicefilter::DeviceRule;

/// The limits and the device rules.
#[must_use]
pub fn of(spec: &ContainerSpec, host: &Host) -> Resources {
    limited(&spec.limits, devices::rules(spec, host))
}

/// These limits with these device rules.
pub(super) fn limited(limits: &Limits, devices: Vec<DeviceRule>) -> Resources {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let memory = limits.memory.map(|bytes| Memory {
        limit: Some(signed(bytes)),
        // Memory and swap together: as much as memory alone is no swap.
        swap: (!limits.swap).then(|| signed(bytes)),
    });
    let cpu = limits.cpu_shares.map(|shares| Cpu {
        shares: Some(shares),
    });
    let pids = limits.pids.map(|most| Pids {
        limit: signed(most),
    });
    Resources {
        devices,
        memory,
        cpu,
        pids,
    }
}
