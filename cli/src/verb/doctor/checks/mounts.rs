//! What of the cgroup tree is mounted here.

use warren_lib_errchain::chain;
use warren_sys_cgroup::Layout;
use warren_sys_cgroup::identity::Way;
use warren_sys_cgroup::layout::{HierarchyMount, Mode, Shows};
use warren_sys_mount::detached_cgroup2;

use super::{Facts, Finding};

const BIND: &str = "bind the host's /sys/fs/cgroup into the container, or give it CAP_SYS_ADMIN";

/// Failure mode 1 of a stock agent: no cgroup mount in the container.
pub fn visible(facts: &Facts) -> Finding {
    let layout = match facts.layout() {
        Ok(layout) => layout,
        Err(why) => return Finding::unknown(why, "mount /proc"),
    };
    if layout.mode != Mode::Unmounted {
        let mounts = layout.v2.iter().map(|mount| describe("v2", mount));
        let v1 = layout
            .v1
            .iter()
            .map(|found| describe(&found.controllers.join(","), &found.mount));
        let count = layout.v2.len() + layout.v1.len();
        return Finding::pass(format!("{count} mounts are visible")).and_all(mounts.chain(v1));
    }
    let identity = match facts.identity() {
        Ok(identity) => identity,
        Err(why) => {
            return Finding::fail(format!("no cgroup mount is visible, and {why}"), BIND);
        }
    };
    let ways = [Way::SocketDiagnostics, Way::OwnMount];
    let working = ways
        .iter()
        .filter(|way| matches!(identity.by(**way), Some(Ok(_))));
    let working: Vec<String> = working.map(ToString::to_string).collect();
    Finding::pass(format!(
        "no cgroup mount is visible; works nevertheless: id {} by {}",
        identity.id.0,
        working.join(" and ")
    ))
}

fn describe(hierarchy: &str, mount: &HierarchyMount) -> String {
    let access = if mount.read_only { " (read-only)" } else { "" };
    format!("{hierarchy} at {}{access}", mount.mount_point.display())
}

/// Failure mode 3: v1 mounts in sight while rules match on v2.
pub fn versions(facts: &Facts) -> Finding {
    let (layout, groups) = match (facts.layout(), facts.groups()) {
        (Ok(layout), Ok(groups)) => (layout, groups),
        (Err(why), _) | (_, Err(why)) => return Finding::unknown(why, "mount /proc"),
    };
    let in_v2 = groups.v2().is_some();
    if !in_v2 {
        return Finding::fail(
            "the kernel has no cgroup v2: /proc/self/cgroup has no line for it",
            "boot a kernel with cgroup v2 (Linux 4.5 or later, without cgroup_no_v2)",
        );
    }
    match layout.mode {
        Mode::Unified => Finding::pass("cgroup v2 alone"),
        Mode::Hybrid => Finding::pass(format!(
            "hybrid: v2 for identity and devices; v1 for {}",
            v1_names(layout)
        )),
        Mode::Legacy | Mode::Unmounted => without_mount(layout),
    }
}

fn v1_names(layout: &Layout) -> String {
    let all = layout.v1.iter().map(|found| found.controllers.join(","));
    all.collect::<Vec<_>>().join(" ")
}

fn without_mount(layout: &Layout) -> Finding {
    let sight = match layout.mode {
        Mode::Legacy => format!("only v1 is mounted ({})", v1_names(layout)),
        _ => "nothing is mounted".to_owned(),
    };
    let evidence = format!("the process is in cgroup v2, {sight}");
    match detached_cgroup2() {
        Ok(_) => Finding::pass(format!(
            "{evidence}; v2 is reached through a mount of our own"
        )),
        Err(error) => Finding::warn(
            format!(
                "{evidence}; no v2 directory can be reached: {}",
                chain(&error)
            ),
            BIND,
        ),
    }
}

pub fn bound(facts: &Facts) -> Finding {
    let layout = match facts.layout() {
        Ok(layout) => layout,
        Err(why) => return Finding::unknown(why, "mount /proc"),
    };
    let lines: Vec<String> = layout.v2.iter().map(shown).collect();
    if lines.is_empty() {
        return Finding::pass("no cgroup v2 mount is visible");
    }
    Finding::pass(lines.join("; "))
}

fn shown(mount: &HierarchyMount) -> String {
    let what = match mount.shows() {
        Shows::Namespace => "our cgroup namespace from its root",
        Shows::Subtree => "a part of our namespace",
        Shows::Outside => "groups outside our namespace: the host's tree is bound in",
    };
    format!("{} shows {what}", mount.mount_point.display())
}
