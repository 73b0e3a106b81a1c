//! Whether containers can be limited.

use std::time::Duration;

use warren_lib_errchain::chain;
use warren_sys_cgroup::group::Kind;
use warren_sys_cgroup::limits::{Cpu, CpuShare, Memory};
use warren_sys_cgroup::{Bound, Error, GroupSet, Limits, Process, Undelegated};

use super::{Facts, Finding};

/// Controller on v2, on v1, and what it is for.
const WANTED: [(&str, &str, &str); 4] = [
    ("memory", "memory", "memory limits"),
    ("cpu", "cpu", "CPU shares and quotas"),
    ("pids", "pids", "limits on processes"),
    ("io", "blkio", "limits on disk I/O"),
];

const DELEGATE: &str = "hand the controllers down to this cgroup (systemd: Delegate=yes; docker: \
                        --cgroupns=private on a cgroup v2 host; by hand: write '+memory +cpu \
                        +pids +io' to cgroup.subtree_control of each ancestor)";

const BIND_V1: &str = "mount the host's v1 hierarchy of it in the container, where it shows the \
                       container's own group, or boot the host with cgroup v2 alone \
                       (systemd.unified_cgroup_hierarchy=1)";

pub fn present(facts: &Facts) -> Finding {
    let own = facts.own_group();
    let v2 = own
        .as_ref()
        .ok()
        .and_then(|found| found.group.controllers().ok())
        .unwrap_or_default();
    // A v1 mount may show other groups than ours; only those that lead to ours count.
    let v1_groups = GroupSet::of(Process::Myself).map_or_else(|_| Vec::new(), |set| set.v1);
    let mut found = Vec::new();
    let mut missing = Vec::new();
    let mut is_bound_to_v1 = false;
    for (name, v1, cost) in WANTED {
        if v2.iter().any(|present| present == name) {
            found.push(format!("{name} (v2)"));
        } else if v1_groups.iter().any(|group| group.has_controller(v1)) {
            found.push(format!("{v1} (v1)"));
        } else {
            let why = match &own {
                Err(why) => why.clone(),
                Ok(own) => {
                    let error = own.group.undelegated(name);
                    is_bound_to_v1 |= is_of_v1(&error);
                    chain(&error)
                }
            };
            missing.push(format!("no {cost}: {why}"));
        }
    }
    let found = match found.as_slice() {
        [] => "no controller".to_owned(),
        some => some.join(", "),
    };
    if missing.is_empty() {
        return Finding::pass(found);
    }
    let remedy = if is_bound_to_v1 { BIND_V1 } else { DELEGATE };
    Finding::warn(found, remedy).and_all(missing)
}

/// Whether the controller is in use by a v1 hierarchy, out of our sight.
fn is_of_v1(error: &Error) -> bool {
    matches!(
        error,
        Error::NoController {
            reason: Undelegated::NotInRoot {
                v1_hierarchy: Some(_),
                ..
            },
            ..
        }
    )
}

/// Makes a child in every hierarchy, limits it, reads the limits back and removes it.
pub fn child(_: &Facts) -> Finding {
    let remedy = "mount the cgroup tree read-write, with the container's own cgroup delegated";
    let own = match GroupSet::of(Process::Myself) {
        Ok(own) => own,
        Err(error) => return Finding::fail(chain(&error), remedy),
    };
    let name = format!("warren-doctor-{}", std::process::id());
    let made = match own.create(&name) {
        Ok(made) => made,
        Err(error) => return Finding::fail(chain(&error), remedy),
    };
    let outcomes = limits().map(|(name, limits)| (name, made.limit(&limits)));
    let removed = made.remove(Duration::from_secs(5));
    if let Err(error) = removed {
        return Finding::fail(
            format!("the child cgroup could not be removed: {}", chain(&error)),
            format!("remove the empty cgroup {name}"),
        );
    }
    let (held, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, out)| out.is_ok());
    let held: Vec<&str> = held.iter().map(|(name, _)| *name).collect();
    let evidence = match held.as_slice() {
        [] => "made and removed; no limit held".to_owned(),
        some => format!("made, limited ({}), removed", some.join(", ")),
    };
    if lost.is_empty() {
        return Finding::pass(evidence);
    }
    let reasons = lost.iter().filter_map(|(name, outcome)| {
        let error = outcome.as_ref().err()?;
        Some(format!("{name}: {error}"))
    });
    let remedy = "see cgroup-controllers and cgroup-own-processes";
    Finding::warn(evidence, remedy).and_all(reasons)
}

fn limits() -> [(&'static str, Limits); 3] {
    let memory = Limits {
        memory: Memory {
            max: Some(Bound::At(64 << 20)),
            ..Memory::default()
        },
        ..Limits::default()
    };
    let pids = Limits {
        pids: Some(Bound::At(100)),
        ..Limits::default()
    };
    let cpu = Limits {
        cpu: Cpu {
            share: Some(CpuShare::Weight(50)),
            ..Cpu::default()
        },
        ..Limits::default()
    };
    [("memory", memory), ("pids", pids), ("cpu", cpu)]
}

/// A cgroup that hands on controllers may hold no process, the tree's root excepted.
pub fn own_processes(facts: &Facts) -> Finding {
    let remedy = "see cgroup-identity";
    let group = match facts.own_group() {
        Ok(found) => &found.group,
        Err(why) => return Finding::unknown(why, remedy),
    };
    match (group.kind(), group.procs()) {
        (Ok(kind), Ok(processes)) => judge(kind, &processes),
        (Err(error), _) | (_, Err(error)) => Finding::unknown(chain(&error), remedy),
    }
}

fn judge(kind: Kind, processes: &[i32]) -> Finding {
    let count = processes.len();
    let foreign = processes.iter().filter(|pid| **pid == 0).count();
    match kind {
        Kind::Root => Finding::pass(format!(
            "our cgroup is the tree's root, which hands on controllers with its {count} processes"
        )),
        Kind::Threaded | Kind::DomainInvalid => Finding::warn(
            "our cgroup is part of a threaded subtree, which hands on few controllers",
            "start in a cgroup that is not threaded",
        ),
        _ if foreign > 0 => Finding::warn(
            format!(
                "{foreign} of the {count} processes in our cgroup are of another pid namespace \
                 and cannot be moved to a leaf"
            ),
            "give the container a cgroup that the processes of the outer one are not in",
        ),
        _ => Finding::pass(format!(
            "{count} processes in our cgroup; they can be moved to a leaf before controllers are \
             handed on"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn processes_of_elsewhere_are_in_the_way() {
        assert_eq!(judge(Kind::Root, &[1, 0]).status, Status::Pass);
        assert_eq!(judge(Kind::Domain, &[1, 2]).status, Status::Pass);
        assert_eq!(judge(Kind::Domain, &[1, 0]).status, Status::Warn);
        assert_eq!(judge(Kind::Threaded, &[1]).status, Status::Warn);
    }
}
