//! What can be done about problems that a cloud check finds.
//!
//! Source: reference of the director's interface, section 4.4; texts are those that clients show.

/// A resolution: its name on the wire, and what people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    /// As requests say it.
    pub name: &'static str,
    /// For people.
    pub plan: &'static str,
}

const fn resolution(name: &'static str, plan: &'static str) -> Resolution {
    Resolution { name, plan }
}

const IGNORE: Resolution = resolution("ignore", "Skip for now");
const RECREATE_WITHOUT_WAIT: Resolution = resolution(
    "recreate_vm_without_wait",
    "Recreate VM without waiting for processes to start",
);
const RECREATE: Resolution =
    resolution("recreate_vm", "Recreate VM and wait for processes to start");

const MISSING_VM: &[Resolution] = &[
    IGNORE,
    RECREATE_WITHOUT_WAIT,
    RECREATE,
    resolution("delete_vm_reference", "Delete VM reference"),
];
const UNRESPONSIVE_AGENT: &[Resolution] = &[
    IGNORE,
    resolution("reboot_vm", "Reboot VM"),
    RECREATE_WITHOUT_WAIT,
    RECREATE,
    resolution("delete_vm", "Delete VM"),
    resolution(
        "delete_vm_reference",
        "Delete VM reference (forceful; may need to manually delete VM from the Cloud to avoid IP conflicts)",
    ),
];
const MISSING_DISK: &[Resolution] = &[
    IGNORE,
    resolution(
        "delete_disk_reference",
        "Delete disk reference (DANGEROUS!)",
    ),
];
const INACTIVE_DISK: &[Resolution] = &[
    IGNORE,
    resolution("delete_disk", "Delete disk"),
    resolution("activate_disk", "Activate disk"),
];
const MOUNT_INFO_MISMATCH: &[Resolution] = &[
    resolution("ignore", "Ignore"),
    resolution("reattach_disk", "Reattach disk to instance"),
    resolution(
        "reattach_disk_and_reboot",
        "Reattach disk and reboot instance",
    ),
];
const OTHER: &[Resolution] = &[resolution("close", "Close problem")];

/// What can be done about a kind of problem, in the order in which it is offered.
#[must_use]
pub fn resolutions(kind: &str) -> &'static [Resolution] {
    match kind {
        "missing_vm" => MISSING_VM,
        "unresponsive_agent" => UNRESPONSIVE_AGENT,
        "missing_disk" => MISSING_DISK,
        "inactive_disk" => INACTIVE_DISK,
        "mount_info_mismatch" => MOUNT_INFO_MISMATCH,
        _ => OTHER,
    }
}

/// The resolution of a kind that has this name.
#[must_use]
pub fn find(kind: &str, name: &str) -> Option<Resolution> {
    resolutions(kind)
        .iter()
        .copied()
        .find(|one| one.name == name)
}

/// What is done where nobody has chosen.
#[must_use]
pub fn automatic(kind: &str) -> &'static str {
    match kind {
        "missing_vm" => RECREATE_WITHOUT_WAIT.name,
        "unresponsive_agent" | "missing_disk" | "inactive_disk" | "mount_info_mismatch" => {
            IGNORE.name
        }
        _ => "close",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_automatic_can_be_chosen() {
        for kind in [
            "missing_vm",
            "unresponsive_agent",
            "missing_disk",
            "inactive_disk",
            "mount_info_mismatch",
            "invalid_problem",
            "anything",
        ] {
            assert!(find(kind, automatic(kind)).is_some(), "{kind}");
        }
        assert!(find("missing_disk", "recreate_vm").is_none());
    }
}
