//! What we may do, and what containers below us may be given.

use warren_lib_errchain::chain;
use warren_sys_process::capabilities::{self, CapabilitySet, names};

use super::{Facts, Finding};

/// A capability, what its lack costs, and whether nothing works without it.
const COSTS: &[(CapabilitySet, &str, bool)] = &[
    (
        CapabilitySet::SYS_ADMIN,
        "no mounts, namespaces or device programs: no containers",
        true,
    ),
    (
        CapabilitySet::NET_ADMIN,
        "no firewall and no container networks",
        true,
    ),
    (
        CapabilitySet::SYS_CHROOT,
        "no container can enter its root filesystem",
        true,
    ),
    (
        CapabilitySet::SETUID,
        "processes cannot run as another user",
        true,
    ),
    (
        CapabilitySet::SETGID,
        "processes cannot run as another group",
        true,
    ),
    (
        CapabilitySet::CHOWN,
        "layers cannot be unpacked with their owners",
        true,
    ),
    (
        CapabilitySet::SETPCAP,
        "capabilities cannot be taken from containers for good",
        false,
    ),
    (
        CapabilitySet::MKNOD,
        "device nodes are bound from here instead of made",
        false,
    ),
    (
        CapabilitySet::BPF,
        "device programs need CAP_SYS_ADMIN instead",
        false,
    ),
    (
        CapabilitySet::SYS_RESOURCE,
        "resource limits of containers cannot be above our own",
        false,
    ),
    (
        CapabilitySet::DAC_READ_SEARCH,
        "cgroups above our namespace cannot be looked up by id",
        false,
    ),
    (
        CapabilitySet::SYS_PTRACE,
        "namespaces of other users' processes cannot be looked at",
        false,
    ),
    (
        CapabilitySet::KILL,
        "processes of other users cannot be stopped",
        false,
    ),
];

pub fn effective(facts: &Facts) -> Finding {
    match facts.effective() {
        Ok(set) => judge(set, "in force", "--cap-add"),
        Err(why) => Finding::unknown(why, "let capget(2) pass the seccomp filter"),
    }
}

pub fn bounding(_: &Facts) -> Finding {
    match capabilities::bounding() {
        Ok(set) => judge(set, "in the bounding set", "--cap-add or --privileged"),
        Err(error) => Finding::unknown(chain(&error), "let prctl(2) pass the seccomp filter"),
    }
}

fn judge(set: CapabilitySet, place: &str, flag: &str) -> Finding {
    let missing: Vec<_> = COSTS
        .iter()
        .filter(|(bit, ..)| !set.contains(*bit))
        .collect();
    let listed = |bit: CapabilitySet| names(bit).to_uppercase();
    let lines = missing
        .iter()
        .map(|(bit, cost, _)| format!("{} is not {place}: {cost}", listed(*bit)));
    let all = missing
        .iter()
        .fold(CapabilitySet::empty(), |all, (bit, ..)| all | *bit);
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return Finding::pass(format!("all that is used is {place}"));
    }
    let first = lines.remove(0);
    let remedy = format!(
        "give the outer container {} (docker: {flag})",
        listed(all).replace(',', ", ")
    );
    let is_needed = missing.iter().any(|(.., needed)| *needed);
    let finding = if is_needed {
        Finding::fail(first, remedy)
    } else {
        Finding::warn(first, remedy)
    };
    finding.and_all(lines)
}

pub fn confinement(_: &Facts) -> Finding {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let profile = std::fs::read_to_string("/proc/self/attr/current").ok();
    let profile = profile.map(|text| text.trim_end_matches(['\n', '\0']).to_owned());
    judge_confinement(&status, profile.as_deref().filter(|text| !text.is_empty()))
}

fn judge_confinement(status: &str, profile: Option<&str>) -> Finding {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.strip_prefix(':')).map(str::trim)
    };
    let seccomp = match field("Seccomp") {
        Some("0") => "no seccomp filter",
        Some("1") => "strict seccomp",
        Some("2") => "a seccomp filter",
        _ => "seccomp unknown",
    };
    let no_new_privs = field("NoNewPrivs") == Some("1");
    let profile = profile.unwrap_or("none");
    let evidence = format!("{seccomp}; security profile: {profile}");
    if no_new_privs {
        return Finding::warn(
            format!("{evidence}; no_new_privs is set: set-user-id programs have no effect"),
            "start the outer container without no-new-privileges",
        );
    }
    Finding::pass(evidence)
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn a_missing_capability_costs_what_it_is_for() {
        let all = CapabilitySet::all();
        assert_eq!(judge(all, "in force", "").status, Status::Pass);
        let poor = judge(all - CapabilitySet::SYS_RESOURCE, "in force", "--cap-add");
        assert_eq!(poor.status, Status::Warn);
        assert!(poor.remedy.unwrap().contains("CAP_SYS_RESOURCE"));
        let bad = judge(
            all - CapabilitySet::NET_ADMIN - CapabilitySet::SYS_RESOURCE,
            "in force",
            "--cap-add",
        );
        assert_eq!(bad.status, Status::Fail);
        assert_eq!(bad.evidence.len(), 2);
    }

    #[test]
    fn confinement_is_read_from_the_status_file() {
        let free = judge_confinement("NoNewPrivs:\t0\nSeccomp:\t0\n", None);
        assert_eq!(free.status, Status::Pass);
        let tied = judge_confinement("NoNewPrivs:\t1\nSeccomp:\t2\n", Some("docker-default"));
        assert_eq!(tied.status, Status::Warn);
        assert!(tied.evidence[0].contains("docker-default"));
        assert_eq!(judge_confinement("junk", None).status, Status::Pass);
    }
}
