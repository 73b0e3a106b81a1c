//! `warren cgroup show` here, for another process, and without any cgroup mount.
//!
//! Needs root and `unshare` (Debian: util-linux).

mod support;

use support::{shell, warren};
use warren_sys_cgroup::Identity;

#[test]
fn the_own_group_is_told_with_every_way() {
    let ran = warren(&["cgroup", "show", "--json"]);
    assert_eq!(ran.code, 0);
    let view = ran.json();
    // A child is in its parent's group.
    let id = Identity::own().unwrap().id.0;
    assert_eq!(view["identity"]["id"], id);
    assert_eq!(view["identity"]["agreement"], "agreed");
    assert_eq!(view["identity"]["ways"].as_array().unwrap().len(), 3);
    assert!(view["level"]["level"].is_u64(), "{view:#}");
    let memberships = view["memberships"].as_array().unwrap();
    assert!(memberships.iter().any(|member| member["hierarchy"] == "v2"));
    assert_eq!(view["unknown"].as_array().unwrap().len(), 0, "{view:#}");
}

#[test]
fn people_see_the_same_facts() {
    let ran = warren(&["cgroup", "show"]);
    assert_eq!(ran.code, 0);
    let id = Identity::own().unwrap().id.0;
    assert!(ran.out.contains(&format!("{id} (agreed)")), "{}", ran.out);
    assert!(ran.out.contains("\nGroups\n"), "{}", ran.out);
}

#[test]
fn another_process_is_found_by_its_directory() {
    let pid = std::process::id().to_string();
    let ran = warren(&["cgroup", "show", "--pid", &pid, "--json"]);
    assert_eq!(ran.code, 0);
    let view = ran.json();
    assert_eq!(view["identity"]["id"], Identity::own().unwrap().id.0);
    assert_eq!(view["namespace"]["is_ours"], true);
}

#[test]
fn a_process_that_is_not_there_is_not_known() {
    let ran = warren(&["cgroup", "show", "--pid", "2000000000", "--json"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("/proc/2000000000/cgroup"), "{}", ran.err);
}

#[test]
fn without_a_mount_the_group_is_found_through_one_of_our_own() {
    let ran = shell(
        &["unshare", "-m", "-C"],
        "umount -R /sys/fs/cgroup; exec $WARREN cgroup show --json",
    );
    assert_eq!(ran.code, 0);
    let view = ran.json();
    assert_eq!(view["layout"], "unmounted");
    assert_eq!(view["kernel_has_v2"], true);
    assert_eq!(view["identity"]["id"], Identity::own().unwrap().id.0);
    assert_eq!(view["namespace"]["initial"], false);
    let directory = view["v2"]["directory"].as_str().unwrap();
    assert!(directory.contains("a mount of our own"), "{directory}");
}
