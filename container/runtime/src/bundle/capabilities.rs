//! What the users of a container may do.
//!
//! | | unprivileged | privileged |
//! |---|---|---|
//! | root | `a80425fb` (14) | `3fffffffff` (0 to 37) |
//! | others, inheritable and bounding only | `a80425fb` | `a82425fb` |
//!
//! Garden's sets, cut to what we have ourselves. "Privileged" stops at 37 as Garden's does and loses
//! nothing by that: what 38 to 40 (`PERFMON`, `BPF`, `CHECKPOINT_RESTORE`) allow, `SYS_ADMIN` does.

use rustix::thread::CapabilitySet;

use crate::oci::{Capabilities, Spec};

const UNPRIVILEGED: u64 = 0xa804_25fb;
const PRIVILEGED_ROOT: u64 = 0x3f_ffff_ffff;
const PRIVILEGED_USER: u64 = 0xa824_25fb;

/// The set that a user's processes get: in force for root, out of reach for others.
#[must_use]
pub fn set(privileged: bool, uid: u32, available: CapabilitySet) -> CapabilitySet {
    let bits = match (privileged, uid) {
        (false, _) => UNPRIVILEGED,
        (true, 0) => PRIVILEGED_ROOT,
        (true, _) => PRIVILEGED_USER,
    };
    CapabilitySet::from_bits_retain(bits) & available
}

/// The set of a user in a container that a bundle describes.
#[must_use]
pub fn of_user(bundle: &Spec, uid: u32, available: CapabilitySet) -> CapabilitySet {
    let root = bundle.process.capabilities.as_ref();
    let root = root.map_or(CapabilitySet::empty(), |sets| parse(&sets.bounding));
    if uid == 0 || uid == bundle.process.user.uid {
        return root & available;
    }
    // Never more than root.
    let privileged = !bundle.linux.has_namespace("user");
    set(privileged, uid, available) & root
}

/// What a user other than root keeps when it executes a program: only the one that the bundle's own
/// process is run as has such.
#[must_use]
pub fn ambient(bundle: &Spec, uid: u32, available: CapabilitySet) -> CapabilitySet {
    let own = bundle.process.capabilities.as_ref();
    match own.filter(|_| uid != 0 && uid == bundle.process.user.uid) {
        Some(sets) => parse(&sets.ambient) & available,
        None => CapabilitySet::empty(),
    }
}

/// The sets of root, by name.
#[must_use]
pub fn of_root(privileged: bool, available: CapabilitySet) -> Capabilities {
    let names = names(set(privileged, 0, available));
    Capabilities {
        bounding: names.clone(),
        effective: names.clone(),
        permitted: names.clone(),
        inheritable: names,
        ambient: Vec::new(),
    }
}

/// `CAP_CHOWN` and the like.
#[must_use]
pub fn names(set: CapabilitySet) -> Vec<String> {
    set.iter_names()
        .map(|(name, _)| format!("CAP_{name}"))
        .collect()
}

/// The capabilities of these names; those that are unknown are none.
#[must_use]
pub fn parse(names: &[String]) -> CapabilitySet {
    let one = |name: &String| CapabilitySet::from_name(name.strip_prefix("CAP_")?);
    names
        .iter()
        .filter_map(one)
        .fold(CapabilitySet::empty(), |all, each| all | each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_are_gardens() {
        let all = CapabilitySet::all();
        assert_eq!(names(set(false, 0, all)).len(), 14);
        assert_eq!(set(false, 0, all), set(false, 1000, all));
        assert_eq!(
            set(true, 1000, all) - set(false, 0, all),
            CapabilitySet::SYS_ADMIN
        );
        assert_eq!(names(set(true, 0, all)).len(), 38);
    }

    #[test]
    fn never_more_than_there_is() {
        let some = CapabilitySet::all() - CapabilitySet::SYS_RESOURCE;
        assert!(!set(true, 0, some).contains(CapabilitySet::SYS_RESOURCE));
    }

    #[test]
    fn names_are_read_back() {
        let all = set(true, 0, CapabilitySet::all());
        assert_eq!(parse(&names(all)), all);
        assert_eq!(parse(&["CAP_NONSENSE".into()]), CapabilitySet::empty());
    }
}
