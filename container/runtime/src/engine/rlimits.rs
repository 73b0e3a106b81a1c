//! Resource limits of a process, soft and hard alike.
//!
//! They are set in two steps. Raising a hard limit needs `CAP_SYS_RESOURCE` in the machine's own
//! user namespace, so that comes before a container's is entered. Lowering needs nothing and would
//! get in the way of the set-up, so it comes last.

use std::collections::BTreeMap;

use rustix::io::Errno;
use rustix::process::{Rlimit, getrlimit, setrlimit};

use super::channel::Refusal;
use crate::spec::{RLIMITS, Resource};

/// Raises hard limits where the wanted one is higher.
pub(super) fn raise(wanted: &BTreeMap<Resource, u64>) -> Result<(), Refusal> {
    each(wanted, |kernel, value| {
        let now = getrlimit(kernel);
        let higher = match (now.maximum, value) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(now), Some(value)) => value > now,
        };
        if !higher {
            return Ok(());
        }
        let raised = Rlimit {
            current: now.current,
            maximum: value,
        };
        setrlimit(kernel, raised)
    })
}

/// Sets the limits as wanted.
pub(super) fn settle(wanted: &BTreeMap<Resource, u64>) -> Result<(), Refusal> {
    each(wanted, |kernel, value| {
        let both = Rlimit {
            current: value,
            maximum: value,
        };
        setrlimit(kernel, both)
    })
}

fn each(
    wanted: &BTreeMap<Resource, u64>,
    change: impl Fn(rustix::process::Resource, Option<u64>) -> Result<(), Errno>,
) -> Result<(), Refusal> {
    for (resource, kernel) in RLIMITS {
        let Some(value) = wanted.get(&resource).copied() else {
            continue;
        };
        // The greatest number is how "no limit" is written.
        let limit = (value != u64::MAX).then_some(value);
        change(kernel, limit).map_err(|errno| {
            Refusal::Limit(
                format!("{resource:?}").to_ascii_lowercase(),
                value,
                errno.raw_os_error(),
            )
        })?;
    }
    Ok(())
}
