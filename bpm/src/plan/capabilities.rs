//! What a process may do beyond its user's rights.
//!
//! Those asked for are ambient, so that the program has them without being root; of a privileged
//! process they come on top of numbers 0 to 37, which is where the stock tool stops. None goes
//! beyond what we have ourselves: the names that are cut off are not in the bundle.

use rustix::thread::CapabilitySet;
use warren_container_runtime::bundle::capabilities::{names, parse};
use warren_container_runtime::oci::Capabilities;
use warren_wire_bpm::Process;

use crate::host::Host;

/// 0 to 37.
const PRIVILEGED: u64 = 0x3f_ffff_ffff;

/// The sets.
pub(super) fn of(process: &Process, host: &Host) -> Capabilities {
    let full = |name: &String| format!("CAP_{}", name.to_ascii_uppercase());
    let asked: Vec<String> = process.capabilities.iter().map(full).collect();
    let mut set = parse(&asked);
    let privileged = process.unsafe_options.privileged;
    if privileged {
        set |= CapabilitySet::from_bits_retain(PRIVILEGED);
    }
    let all = names(set & host.bounding);
    Capabilities {
        bounding: all.clone(),
        effective: if privileged { all.clone() } else { Vec::new() },
        permitted: all.clone(),
        inheritable: all.clone(),
        ambient: all,
    }
}

/// Of the capabilities asked for, those that cannot be had, with the reason.
#[must_use]
pub fn missing(process: &Process, host: &Host) -> Vec<String> {
    let reason = |name: &String| {
        let set = parse(&[format!("CAP_{}", name.to_ascii_uppercase())]);
        if set.is_empty() {
            return Some(format!("capability {name} is unknown"));
        }
        let have = host.bounding.contains(set);
        (!have).then(|| format!("capability {name} is not in our own bounding set"))
    };
    process.capabilities.iter().filter_map(reason).collect()
}
