//! What of a container's confinement is neither a group nor a namespace: system calls, capabilities.

use warren_container_runtime::bundle::{self, capabilities as sets};
use warren_container_runtime::engine::confine;
use warren_container_runtime::groups::Place;
use warren_container_runtime::spec::{ContainerSpec, INIT_PATH};
use warren_lib_errchain::chain;
use warren_sys_process::capabilities::{self, CapabilitySet};

use super::super::child::in_child;
use super::{Facts, Finding};

/// The engine's own filter, on a child that ends.
pub fn seccomp(_: &Facts) -> Finding {
    let spec = ContainerSpec::new("doctor", "/".into(), INIT_PATH.into(), Place::default());
    let Some(filter) = bundle::seccomp::filter(&spec) else {
        return Finding::unknown(
            "there is no filter for unprivileged containers",
            "report it",
        );
    };
    let attempt = || -> Result<(usize, bool), String> {
        let length = confine(&filter).map_err(|error| chain(&error))?;
        // Not on the list: refused, although we may do it without the filter.
        let refused = rustix::mount::unmount("/", rustix::mount::UnmountFlags::EXPIRE);
        Ok((length, refused == Err(rustix::io::Errno::PERM)))
    };
    let remedy = "a kernel with CONFIG_SECCOMP_FILTER, CAP_SYS_ADMIN, and an outer seccomp filter \
                  that lets seccomp(2) pass; privileged containers have no filter";
    match in_child(&[], &[], attempt).and_then(|inner| inner) {
        Ok((length, true)) => Finding::pass(format!(
            "the filter of unprivileged containers loads ({length} instructions) and refuses"
        )),
        Ok((_, false)) => Finding::fail("the filter loads and refuses nothing", remedy),
        Err(why) => Finding::fail(why, remedy),
    }
}

/// What a privileged container would have and does not, and what that costs it.
const COSTS: &[(CapabilitySet, &str)] = &[
    (
        CapabilitySet::SYS_RESOURCE,
        "processes in it cannot raise a limit above ours (nofile, memlock, core), nor set \
         oom_score_adj below ours",
    ),
    (CapabilitySet::SYS_ADMIN, "no mounts, no containers in it"),
    (CapabilitySet::NET_ADMIN, "no firewall and no links in it"),
    (CapabilitySet::NET_RAW, "no ping in it"),
    (
        CapabilitySet::SYS_PTRACE,
        "no debugger of other users in it",
    ),
    (CapabilitySet::MKNOD, "no device nodes can be made in it"),
    (
        CapabilitySet::BPF,
        "device filters in it need CAP_SYS_ADMIN",
    ),
    (CapabilitySet::SYS_TIME, "the clock cannot be set in it"),
    (
        CapabilitySet::SYS_MODULE,
        "no kernel modules can be loaded from it",
    ),
    (
        CapabilitySet::SYS_BOOT,
        "the machine cannot be restarted from it",
    ),
    (CapabilitySet::SYS_NICE, "no higher priorities in it"),
    (
        CapabilitySet::IPC_LOCK,
        "no locked memory beyond memlock in it",
    ),
    (
        CapabilitySet::AUDIT_WRITE,
        "no login records in the audit log from it",
    ),
];

pub fn privileged(_: &Facts) -> Finding {
    match capabilities::bounding() {
        Ok(bounding) => judge(bounding),
        Err(error) => Finding::unknown(chain(&error), "let prctl(2) pass the seccomp filter"),
    }
}

fn judge(bounding: CapabilitySet) -> Finding {
    let all = sets::of_root(true, CapabilitySet::all()).bounding;
    let have = sets::of_root(true, bounding).bounding;
    let missing: Vec<&String> = all.iter().filter(|name| !have.contains(name)).collect();
    let first = format!(
        "root of a privileged container has {} of {}, of an unprivileged one {} of {}",
        have.len(),
        all.len(),
        sets::of_root(false, bounding).bounding.len(),
        sets::of_root(false, CapabilitySet::all()).bounding.len()
    );
    if missing.is_empty() {
        return Finding::pass(first);
    }
    let cost = |name: &String| {
        let set = sets::parse(std::slice::from_ref(name));
        let known = COSTS.iter().find(|(bit, _)| *bit == set);
        let cost = known.map_or("its calls fail in it", |(_, cost)| cost);
        format!("a privileged container lacks {name}: {cost}")
    };
    let lines: Vec<String> = missing.iter().map(|name| cost(name)).collect();
    Finding::warn(
        first,
        "give the outer container what is missing (docker: --privileged or --cap-add); containers \
         are made all the same, with what there is",
    )
    .and_all(lines)
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn a_missing_capability_is_told_with_its_cost() {
        assert_eq!(judge(CapabilitySet::all()).status, Status::Pass);
        let poor = judge(CapabilitySet::all() - CapabilitySet::SYS_RESOURCE);
        assert_eq!(poor.status, Status::Warn);
        assert!(poor.evidence[1].contains("CAP_SYS_RESOURCE: processes in it cannot raise"));
    }
}
