//! Paths that nobody in an unprivileged container may read.

use crate::spec::ContainerSpec;

const MASKED: [&str; 8] = [
    "/proc/kcore",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/keys",
    "/sys/firmware",
];

/// The paths; what the kernel does not have needs no mask.
#[must_use]
pub fn paths(spec: &ContainerSpec) -> Vec<String> {
    if spec.privileged {
        return Vec::new();
    }
    MASKED.iter().map(|path| (*path).to_owned()).collect()
}
