//! Who we are to the kernel's firewall.

use std::error::Error as _;

use warren_lib_errchain::chain;
use warren_sys_cgroup::identity::{Agreement, Evidence, Way};

use super::{Facts, Finding};

const UNMOUNT: &str = "unmount the net_cls and net_prio hierarchies, or run Linux 5.15 or later";

pub fn agrees(facts: &Facts) -> Finding {
    let identity = match facts.identity() {
        Ok(identity) => identity,
        Err(why) => {
            return Finding::fail(
                why,
                "bind the host's /sys/fs/cgroup into the container, or give it CAP_SYS_ADMIN",
            );
        }
    };
    let id = identity.id.0;
    let ways = identity.evidence.iter().map(told);
    let finding = match &identity.agreement {
        Agreement::Agreed => Finding::pass(format!("id {id}; the ways agree")),
        // What the firewall compares, from the kernel itself.
        Agreement::Single(Way::SocketDiagnostics) => Finding::pass(format!(
            "id {id}, from the kernel's socket diagnostics alone"
        )),
        Agreement::Single(way) => Finding::warn(
            format!("id {id}, by the {way} alone"),
            "load the modules inet_diag and udp_diag for a second opinion",
        ),
        Agreement::Conflict(_) => Finding::fail(
            format!("the ways disagree; sockets are of id {id}"),
            UNMOUNT,
        ),
    };
    finding.and_all(ways)
}

fn told(evidence: &Evidence) -> String {
    match &evidence.result {
        Ok(id) => format!("{}: {}", evidence.way, id.0),
        Err(error) => {
            let why = error.source().map(chain).unwrap_or_default();
            format!("{}: {why}", evidence.way)
        }
    }
}

/// Failure mode 2 of a stock agent: paths that mean something else outside.
pub fn namespace(facts: &Facts) -> Finding {
    let (namespace, groups) = match (facts.namespace(), facts.groups()) {
        (Ok(namespace), Ok(groups)) => (namespace, groups),
        (Err(why), _) | (_, Err(why)) => return Finding::unknown(why, "mount /proc"),
    };
    let path = groups
        .v2()
        .map_or_else(|| "unknown".to_owned(), |member| member.path.to_string());
    let kind = if namespace.initial {
        "initial: paths are the host's"
    } else {
        "private: paths are relative to it, the id is the kernel's all the same"
    };
    let finding = Finding::pass(format!("{kind}; our path is {path}"));
    match facts.identity() {
        Ok(identity) => finding.and(format!("id {}", identity.id.0)),
        Err(_) => finding,
    }
}

pub fn net_cls(facts: &Facts) -> Finding {
    let groups = match facts.groups() {
        Ok(groups) => groups,
        Err(why) => return Finding::unknown(why, "mount /proc"),
    };
    let used: Vec<&str> = ["net_cls", "net_prio"]
        .into_iter()
        .filter(|controller| groups.v1(controller).is_some())
        .collect();
    if used.is_empty() {
        return Finding::pass("neither is in use");
    }
    let used = used.join(" and ");
    let conflict = facts
        .identity()
        .is_ok_and(|identity| matches!(identity.agreement, Agreement::Conflict(_)));
    if conflict {
        return Finding::fail(
            format!("{used} in use, and sockets report another cgroup than ours"),
            UNMOUNT,
        );
    }
    Finding::pass(format!(
        "{used} in use; sockets report our cgroup all the same"
    ))
}
