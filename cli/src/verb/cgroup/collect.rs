//! Asks the kernel for all that `warren cgroup show` tells. What fails is listed, not fatal.

use std::error::Error as _;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use warren_firewall::level;
use warren_lib_errchain::chain;
use warren_sys_cgroup::group::Kind;
use warren_sys_cgroup::identity::{Agreement, Evidence};
use warren_sys_cgroup::layout::{HierarchyMount, Mode, Shows};
use warren_sys_cgroup::locate::{Through, locate, locate_v1};
use warren_sys_cgroup::namespace::NamespaceRoot;
use warren_sys_cgroup::{self as cgroup, Cgroup, Layout, Located, Process, ProcessCgroups};

use super::limits;
use super::view::{Controllers, Identity, Level, Membership, Mount, Namespace, View, Way};

const PROC: &str = "/proc";

/// All there is to know about the process's groups.
pub fn collect(process: Process) -> View {
    let mut view = View {
        pid: match process {
            Process::Myself => None,
            Process::Pid(pid) => Some(pid.as_raw_nonzero().get()),
        },
        ..View::default()
    };
    let layout = keep(Layout::discover(), &mut view.unknown);
    if let Some(layout) = &layout {
        tell_layout(layout, &mut view);
    }
    let path = Path::new(PROC).join(process.proc_name()).join("cgroup");
    if let Some(groups) = keep(ProcessCgroups::read(path), &mut view.unknown) {
        view.memberships = groups.memberships.iter().map(membership).collect();
    }
    // A process that is not there has nothing more to tell.
    if process != Process::Myself && view.memberships.is_empty() {
        return view;
    }
    view.namespace = namespace(process, &mut view.unknown);
    let located = locate_group(process, &mut view);
    if let Some(identity) = &view.identity {
        let sender = match process {
            Process::Myself => None,
            Process::Pid(_) => located.as_ref().map(|found| found.group.as_fd()),
        };
        view.level = Some(measure(identity.id, sender));
    }
    if let Some(found) = &located {
        view.v2 = Some(controllers(found, &mut view.unknown));
        view.limits = limits::of_v2(&found.group, &mut view.unknown);
        view.pressure = limits::pressure(&found.group, &mut view.unknown);
    }
    for hierarchy in layout.iter().flat_map(|layout| &layout.v1) {
        if let Some(group) = keep(locate_v1(process, hierarchy), &mut view.unknown) {
            view.limits.extend(limits::of_v1(&group));
        }
    }
    view
}

fn keep<T, E: std::error::Error>(result: Result<T, E>, unknown: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| unknown.push(chain(&error))).ok()
}

fn tell_layout(layout: &Layout, view: &mut View) {
    view.layout = Some(mode(layout.mode));
    view.kernel_has_v2 = layout.kernel_v2;
    view.mounts
        .extend(layout.v2.iter().map(|found| mount("v2".to_owned(), found)));
    let v1 = layout.v1.iter();
    view.mounts
        .extend(v1.map(|found| mount(found.controllers.join(","), &found.mount)));
    view.buried
        .extend(layout.buried.iter().map(|path| path.display().to_string()));
    for doubt in &layout.doubtful {
        view.unknown.push(format!(
            "{} is listed as a cgroup mount and is none",
            doubt.mount_point.display()
        ));
    }
}

/// The layout's name.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Unified => "unified",
        Mode::Hybrid => "hybrid",
        Mode::Legacy => "legacy",
        Mode::Unmounted => "unmounted",
    }
}

/// The name of what a mount shows.
pub fn shows(shows: Shows) -> &'static str {
    match shows {
        Shows::Namespace => "namespace",
        Shows::Subtree => "subtree",
        Shows::Outside => "outside",
    }
}

fn mount(hierarchy: String, mount: &HierarchyMount) -> Mount {
    Mount {
        hierarchy,
        mount_point: mount.mount_point.display().to_string(),
        root: mount.root.to_string(),
        read_only: mount.read_only,
        shows: shows(mount.shows()),
        covers: mount.covers,
        options: mount.options.clone(),
    }
}

fn membership(member: &cgroup::proc_file::Membership) -> Membership {
    Membership {
        number: member.hierarchy,
        hierarchy: if member.is_v2() {
            "v2".to_owned()
        } else {
            member.controllers.join(",")
        },
        path: member.path.to_string(),
        deleted: member.deleted,
    }
}

fn namespace(process: Process, unknown: &mut Vec<String>) -> Option<Namespace> {
    let found = keep(
        cgroup::Namespace::of(Path::new(PROC), &process.proc_name()),
        unknown,
    )?;
    let ours = keep(cgroup::Namespace::own(), unknown);
    let root = keep(NamespaceRoot::own(), unknown);
    Some(Namespace {
        inode: found.inode,
        initial: found.initial,
        at_root: found.at_root,
        is_ours: ours.map(|ours| ours.inode == found.inode),
        root_id: root.map(|root| root.id.0),
        root_is_real: root.map(|root| root.is_real_root),
    })
}

/// The id, all ways for ourselves and by the directory for others, and the directory.
fn locate_group(process: Process, view: &mut View) -> Option<Located> {
    if process != Process::Myself {
        let found = keep(locate(process, None), &mut view.unknown)?;
        let through = match &found.through {
            Through::Mount(point) => format!("mount at {}", point.display()),
            Through::Detached(_) => "own mount".to_owned(),
        };
        let id = found.group.id().0;
        view.identity = Some(Identity {
            id,
            agreement: "single",
            ways: vec![Way {
                way: format!("directory that lists the process, by {through}"),
                id: Some(id),
                failure: None,
            }],
        });
        return Some(found);
    }
    let identity = keep(cgroup::Identity::own_by_every_way(), &mut view.unknown)?;
    view.identity = Some(Identity {
        id: identity.id.0,
        agreement: match identity.agreement {
            Agreement::Agreed => "agreed",
            Agreement::Single(_) => "single",
            Agreement::Conflict(_) => "conflict",
        },
        ways: identity.evidence.iter().map(way).collect(),
    });
    keep(identity.open(), &mut view.unknown)
}

fn way(evidence: &Evidence) -> Way {
    let failure = evidence.result.as_ref().err();
    Way {
        way: evidence.way.to_string(),
        id: evidence.result.as_ref().ok().map(|id| id.0),
        // The outermost text names the way again.
        failure: failure.and_then(|error| error.source()).map(chain),
    }
}

fn measure(id: u64, sender: Option<std::os::fd::BorrowedFd<'_>>) -> Level {
    let measured = warren_sys_nft::Nft::open()
        .map_err(level::Error::Load)
        .and_then(|mut nft| level::measure(&mut nft, id, sender));
    match measured {
        Ok(found) => Level {
            level: Some(found.level),
            failure: None,
        },
        Err(error) => Level {
            level: None,
            failure: Some(chain(&error)),
        },
    }
}

fn controllers(found: &Located, unknown: &mut Vec<String>) -> Controllers {
    let group = &found.group;
    let kind = keep(group.kind(), unknown);
    let processes = keep(group.procs(), unknown).map(|procs| procs.len());
    let present = keep(group.controllers(), unknown).unwrap_or_default();
    let enabled_below = keep(group.enabled(), unknown).unwrap_or_default();
    Controllers {
        directory: directory(group, &found.through),
        kind: kind.map(kind_name),
        processes,
        delegation: delegation(kind, processes, &present, &enabled_below),
        present,
        enabled_below,
    }
}

fn directory(group: &Cgroup, through: &Through) -> String {
    let path: PathBuf = group.path().components().collect();
    match through {
        Through::Mount(_) => path.display().to_string(),
        Through::Detached(_) => format!("{}, by a mount of our own", path.display()),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Root => "root",
        Kind::Domain => "domain",
        Kind::DomainThreaded => "domain-threaded",
        Kind::DomainInvalid => "domain-invalid",
        Kind::Threaded => "threaded",
    }
}

/// Whether controllers can be enabled below the group, by the no-internal-process rule.
pub fn delegation(
    kind: Option<Kind>,
    processes: Option<usize>,
    present: &[String],
    enabled: &[String],
) -> String {
    let more = present.iter().any(|name| !enabled.contains(name));
    match (kind, processes) {
        _ if present.is_empty() => "no controller is handed down to this group".to_owned(),
        (Some(Kind::Threaded | Kind::DomainInvalid), _) => {
            "the group is part of a threaded subtree".to_owned()
        }
        _ if !more => "every controller is enabled below".to_owned(),
        (Some(Kind::Root), _) | (_, Some(0)) => "yes".to_owned(),
        (_, Some(count)) => format!("after {count} processes have moved to a child"),
        (_, None) => "not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delegation_follows_the_no_internal_process_rule() {
        let some = ["memory".to_owned()];
        let of = |kind, processes| delegation(Some(kind), Some(processes), &some, &[]);
        assert_eq!(of(Kind::Root, 50), "yes");
        assert_eq!(of(Kind::Domain, 0), "yes");
        assert_eq!(
            of(Kind::Domain, 3),
            "after 3 processes have moved to a child"
        );
        assert!(of(Kind::Threaded, 0).contains("threaded"));
        let all = delegation(Some(Kind::Domain), Some(3), &some, &some);
        assert_eq!(all, "every controller is enabled below");
        let none = delegation(Some(Kind::Domain), Some(0), &[], &[]);
        assert!(none.starts_with("no controller"));
    }
}
