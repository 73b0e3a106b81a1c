//! Limits and device rules.

use super::devices;
use crate::host::Host;
use crate::oci::{BlockIo, Cpu, Memory, Pids, Resources};
use crate::spec::{ContainerSpec, Limits};
use warren_sys_devicefilter::DeviceRule;

/// Microseconds in which a container may use its quota of CPU time.
pub const PERIOD: u64 = 100_000;

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
    let cpu = (limits.cpu_shares.is_some() || limits.cpu_quota.is_some()).then(|| Cpu {
        shares: limits.cpu_shares,
        quota: limits.cpu_quota.map(signed),
        period: limits.cpu_quota.map(|_| PERIOD),
    });
    let block_io = limits.io_weight.map(|weight| BlockIo {
        weight: Some(weight),
    });
    let pids = limits.pids.map(|most| Pids {
        limit: signed(most),
    });
    Resources {
        devices,
        memory,
        cpu,
        pids,
        block_io,
    }
}
