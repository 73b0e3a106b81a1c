//! What this process may do: its capability sets, and how to give some up.
//!
//! Source: capabilities(7), prctl(2) `PR_CAPBSET_DROP`.

use rustix::io::Errno;
use rustix::thread as kernel;
pub use rustix::thread::CapabilitySet;

/// Changing a capability set failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} capabilities ({set:?}): {source}")]
pub struct Error {
    /// Which operation, as a verb.
    pub step: &'static str,
    /// The capabilities concerned.
    pub set: CapabilitySet,
    /// What the kernel answered.
    pub source: Errno,
}

/// The capabilities in force for the calling thread.
///
/// # Errors
/// Only if capget(2) itself is refused, as a seccomp filter may.
pub fn effective() -> Result<CapabilitySet, Error> {
    Ok(sets()?.effective)
}

/// Whether every capability of `wanted` is in force for the calling thread.
///
/// # Errors
/// As [`effective`].
pub fn has(wanted: CapabilitySet) -> Result<bool, Error> {
    Ok(effective()?.contains(wanted))
}

/// The capabilities that the calling thread, or a program it starts, can still obtain.
///
/// # Errors
/// Only if prctl(2) itself is refused.
pub fn bounding() -> Result<CapabilitySet, Error> {
    let mut found = CapabilitySet::empty();
    for bit in CapabilitySet::all().iter() {
        // An unknown number is EINVAL: a kernel older than this list.
        match kernel::capability_is_in_bounding_set(bit) {
            Ok(true) => found |= bit,
            Ok(false) | Err(Errno::INVAL) => {}
            Err(source) => {
                return Err(Error {
                    step: "read bounding",
                    set: bit,
                    source,
                });
            }
        }
    }
    Ok(found)
}

/// Gives up every capability outside `keep`: from the bounding, inheritable,
/// permitted and effective sets of the calling thread, for good.
///
/// # Errors
/// When the bounding set holds more than `keep` and `CAP_SETPCAP` is missing.
pub fn keep_only(keep: CapabilitySet) -> Result<(), Error> {
    for bit in (bounding()? - keep).iter() {
        kernel::remove_capability_from_bounding_set(bit).map_err(|source| Error {
            step: "drop bounding",
            set: bit,
            source,
        })?;
    }
    let now = sets()?;
    let kept = kernel::CapabilitySets {
        effective: now.effective & keep,
        permitted: now.permitted & keep,
        inheritable: now.inheritable & keep,
    };
    kernel::set_capabilities(None, kept).map_err(|source| Error {
        step: "drop",
        set: keep,
        source,
    })
}

/// The usual names, lower case and comma-separated: `cap_net_admin,cap_sys_admin`.
pub fn names(set: CapabilitySet) -> String {
    set.iter_names()
        .map(|(name, _)| format!("cap_{}", name.to_ascii_lowercase()))
        .collect::<Vec<_>>()
        .join(",")
}

fn sets() -> Result<kernel::CapabilitySets, Error> {
    kernel::capabilities(None).map_err(|source| Error {
        step: "read",
        set: CapabilitySet::empty(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_only_drops_from_every_set_of_the_thread() {
        // Capabilities are per thread, so this thread may lose what it likes.
        std::thread::spawn(|| {
            let keep = CapabilitySet::NET_ADMIN | CapabilitySet::SETPCAP;
            let before = effective().unwrap();
            keep_only(keep).unwrap();
            assert_eq!(effective().unwrap(), before & keep);
            assert!(keep.contains(bounding().unwrap()));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn names_are_those_of_the_manual() {
        let set = CapabilitySet::NET_ADMIN | CapabilitySet::CHOWN;
        assert_eq!(names(set), "cap_chown,cap_net_admin");
    }
}
