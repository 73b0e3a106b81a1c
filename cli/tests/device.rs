//! `warren device` here and on cgroups with filters of known content.
//!
//! Needs root, a cgroup2 mount and `unshare` (Debian: util-linux).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests end at the first surprise too"
)]

mod support;

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use support::{shell, warren};
use warren_sys_cgroup::{Cgroup, Layout};
use warren_sys_devicefilter::{DeviceRule, Owned, Policy, Program, Style, install};

/// A cgroup whose filter allows `c 1:3` alone, with a child; both go with the value.
struct Filtered {
    group: Option<Cgroup>,
    outer: PathBuf,
    inner: PathBuf,
}

impl Filtered {
    fn new(name: &str) -> Self {
        let layout = Layout::discover().unwrap();
        let mount = layout
            .unified()
            .expect("no cgroup2 mount: mount -t cgroup2 none /sys/fs/cgroup/unified");
        let root = Cgroup::open(&mount.mount_point).unwrap();
        let name = format!("warren-test-{name}-{}", std::process::id());
        let group = root.create(&name).unwrap();
        group.create("inner").unwrap();
        let outer = mount.mount_point.join(name);
        let rule = DeviceRule::parse_v1(true, "c 1:3 rwm").unwrap();
        let policy = Policy::from_rules(&[DeviceRule::all(false), rule]).unwrap();
        let mut record: Option<Owned> = None;
        let program = Program::new(&policy, Style::default());
        install(group.as_fd(), &program, &mut record).unwrap();
        Filtered {
            inner: outer.join("inner"),
            group: Some(group),
            outer,
        }
    }
}

impl Drop for Filtered {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            group.remove(Duration::from_secs(2)).unwrap();
        }
    }
}

#[test]
fn the_usual_devices_are_tried_from_here() {
    let ran = warren(&["device", "show", "--json"]);
    assert_eq!(ran.code, 0);
    let view = ran.json();
    let devices = view["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 15);
    let null = devices.iter().find(|d| d["name"] == "null").unwrap();
    assert_eq!(null["passes"], true);
    assert_eq!(null["outcome"], "opens");
}

#[test]
fn a_filter_is_shown_at_the_level_it_is_attached_to() {
    let filtered = Filtered::new("show");
    let inner = filtered.inner.to_str().unwrap();
    let ran = warren(&["device", "show", "--cgroup", inner, "--json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let view = ran.json();
    let programs = view["programs"]["effective"].as_array().unwrap();
    let ours = programs.iter().find(|p| p["name"] == "warren_devices");
    let ours = ours.expect("our program is not listed");
    assert_eq!(ours["attached_to"], filtered.outer.to_str().unwrap());
    assert_eq!(ours["is_own"], false);
    let passes = |name: &str| {
        let all = view["devices"].as_array().unwrap();
        all.iter().find(|d| d["name"] == name).unwrap()["passes"].clone()
    };
    assert_eq!(
        (passes("null"), passes("zero")),
        (true.into(), false.into())
    );
}

#[test]
fn a_device_that_opens_is_explained_with_code_0() {
    for words in [&["/dev/null"][..], &["c", "1:3"], &["c 1:3"]] {
        let mut all = vec!["device", "explain", "--json"];
        all.extend(words);
        let ran = warren(&all);
        assert_eq!(ran.code, 0, "{ran:#?}");
        let view = ran.json();
        assert_eq!(view["device"], "c 1:3");
        assert_eq!(view["passes"], true);
        assert!(view["remedy"].is_null());
    }
}

#[test]
fn the_denying_ancestor_is_named_with_the_rule_to_add() {
    let filtered = Filtered::new("explain");
    let inner = filtered.inner.to_str().unwrap();
    let explain =
        |device: &str| warren(&["device", "explain", device, "--cgroup", inner, "--json"]);
    let denied = explain("c 1:5");
    assert_eq!(denied.code, 1, "{denied:#?}");
    let view = denied.json();
    assert_eq!(view["tried"], "denied");
    assert_eq!(view["denied_at"], filtered.outer.to_str().unwrap());
    let remedy = view["remedy"].as_str().unwrap();
    assert!(remedy.contains("'c 1:5 rw'"), "{remedy}");
    assert_eq!(explain("c 1:3").code, 0);
}

#[test]
fn making_a_node_is_another_question_than_opening_it() {
    let filtered = Filtered::new("access");
    let outer = filtered.outer.to_str().unwrap();
    let ran = warren(&[
        "device", "explain", "c 1:3", "--access", "m", "--cgroup", outer,
    ]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let ran = warren(&[
        "device", "explain", "b 7:0", "--access", "m", "--cgroup", outer,
    ]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.out.contains("Device b 7:0 for m: denied"),
        "{}",
        ran.out
    );
}

#[test]
fn what_cannot_be_answered_is_code_2() {
    for words in [
        &["nonsense"][..],
        &["/nonexistent"],
        &["c 1:3", "--access", "q"],
        &["c 1:3", "--cgroup", "/warren-test-nonexistent"],
        &["c 1:3", "--pid", "2000000000"],
    ] {
        let mut all = vec!["device", "explain"];
        all.extend(words);
        let ran = warren(&all);
        assert_eq!(ran.code, 2, "{words:?}: {ran:#?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn without_a_mount_the_programs_are_found_through_one_of_our_own() {
    let ran = shell(
        &["unshare", "-m", "-C"],
        "umount -R /sys/fs/cgroup; $WARREN device show --json; exec $WARREN device explain /dev/null >&2",
    );
    assert_eq!(ran.code, 0, "{ran:#?}");
    let view = ran.json();
    assert_eq!(view["programs"]["directory"], "/");
    assert!(view["v1"].is_null());
    assert!(
        ran.err.contains("Device c 1:3 for rw: let through"),
        "{}",
        ran.err
    );
}

#[test]
fn a_denial_from_outside_our_namespace_is_told_as_such() {
    let filtered = Filtered::new("hidden");
    let line = format!(
        "echo $$ > {}/cgroup.procs; exec unshare -m -C sh -ec 'umount -R /sys/fs/cgroup; \
         exec $WARREN device explain c 1:5 --json'",
        filtered.inner.display()
    );
    let ran = shell(&["env"], &line);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let view = ran.json();
    assert_eq!(view["tried"], "denied");
    assert_eq!(
        view["denied_at"],
        "a cgroup above what can be seen from here"
    );
    let hidden = &view["levels"][0];
    assert!(hidden["level"].is_null());
    assert_eq!(hidden["verdict"], "denies");
}

#[test]
fn the_doctor_fails_where_basic_devices_are_denied() {
    let filtered = Filtered::new("doctor");
    let line = format!(
        "echo $$ > {}/cgroup.procs; exec $WARREN doctor --json --only device-programs,device-nodes",
        filtered.inner.display()
    );
    let ran = shell(&["env"], &line);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let checks = ran.json()["checks"].clone();
    assert_eq!(checks[0]["status"], "pass");
    assert!(
        checks[0]
            .to_string()
            .contains("warren_devices on a cgroup above")
    );
    assert_eq!(checks[1]["status"], "fail");
    assert!(checks[1].to_string().contains("denied: zero, full"));
}
