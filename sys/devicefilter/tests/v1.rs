//! The devices controller of cgroup v1, on real child groups.
#![expect(clippy::unwrap_used, reason = "test code")]

mod common;

use std::path::Path;

use common::{Cgroup, FULL, NULL, ZERO, policy, read, rules, try_below};
use warren_sys_devicefilter::probe::{Ask, Nodes, Outcome, Scratch};
use warren_sys_devicefilter::v1::{List, V1Error, apply};
use warren_sys_devicefilter::{Access, Defaults, Device, Policy, Request};

fn container(user: &[&str]) -> Policy {
    Policy::for_container(&rules(user), &Defaults::default()).unwrap()
}

fn list(path: &Path) -> Vec<String> {
    let list = List::read(path).unwrap();
    list.allowed.iter().map(|rule| rule.v1_text()).collect()
}

#[test]
fn rules_are_enforced_and_changed() {
    let group = Cgroup::v1("rules");
    let report = apply(&group.path, &policy(&["+c 1:3 rwm", "+c 1:5 r"])).unwrap();
    assert_eq!(report.denied_by_parent, []);
    assert_eq!(
        try_below(&group.path, read(NULL), Ask::Open),
        Outcome::Passes
    );
    assert_eq!(
        try_below(&group.path, read(FULL), Ask::Open),
        Outcome::Denied
    );
    let write = Request {
        device: ZERO,
        access: Access::READ_WRITE,
    };
    assert_eq!(try_below(&group.path, write, Ask::Open), Outcome::Denied);
    assert_eq!(
        try_below(&group.path, read(ZERO), Ask::Open),
        Outcome::Passes
    );

    apply(&group.path, &policy(&["+c 1:3 r", "+c 1:7 rw"])).unwrap();
    assert_eq!(list(&group.path), ["c 1:3 r", "c 1:7 rw"]);
    assert_eq!(
        try_below(&group.path, read(FULL), Ask::Open),
        Outcome::Passes
    );
    assert_eq!(
        try_below(&group.path, read(ZERO), Ask::Open),
        Outcome::Denied
    );
    assert_eq!(
        apply(&group.path, &policy(&["+c 1:3 r", "+c 1:7 rw"]))
            .unwrap()
            .written,
        []
    );
}

#[test]
fn a_builtin_beyond_the_parent_is_told_and_a_users_rule_is_an_error() {
    let outer = Cgroup::v1("nested");
    // An outer container whose runtime does not allow tun, and only 'm' for block 7:*.
    let defaults = Defaults {
        console: false,
        tun: false,
    };
    let outer_policy = Policy::for_container(&[], &defaults).unwrap();
    apply(&outer.path, &outer_policy).unwrap();
    let inner = outer.child("inner");
    let report = apply(&inner, &container(&[])).unwrap();
    let denied: Vec<String> = report
        .denied_by_parent
        .iter()
        .map(|rule| rule.v1_text())
        .collect();
    assert_eq!(denied, ["c 10:200 rw"]);
    assert!(list(&inner).contains(&"c 10:200 m".to_owned()));
    assert_eq!(try_below(&inner, read(NULL), Ask::Open), Outcome::Passes);

    let second = outer.child("second");
    let error = apply(&second, &container(&["+b 7:* rw"])).unwrap_err();
    assert!(
        error.to_string().contains("beyond what the parent"),
        "{error}"
    );
    let V1Error::DeniedByParent { rule, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((rule.major(), rule.allow()), (Some(7), true));
}

/// The built-in `m` merged into a user's rule must not make the user's part fail.
#[test]
fn a_users_part_is_kept_where_the_builtin_part_is_refused() {
    let outer = Cgroup::v1("part");
    apply(&outer.path, &policy(&["+c 1:3 rwm", "+c 5:1 rw"])).unwrap();
    let inner = outer.child("inner");
    let report = apply(&inner, &container(&["+c 5:1 rw"])).unwrap();
    assert_eq!(list(&inner), ["c 1:3 rwm", "c 5:1 rw"]);
    assert!(
        report
            .denied_by_parent
            .iter()
            .any(|rule| rule.v1_text() == "c 5:1 m")
    );
}

/// Of a built-in rule, the part that the parent allows is kept too.
#[test]
fn a_builtin_is_kept_as_far_as_the_parent_goes() {
    let outer = Cgroup::v1("bits");
    apply(&outer.path, &policy(&["+c 1:3 rw"])).unwrap();
    let inner = outer.child("inner");
    let report = apply(&inner, &container(&[])).unwrap();
    assert_eq!(list(&inner), ["c 1:3 rw"]);
    assert!(
        report
            .denied_by_parent
            .iter()
            .any(|rule| rule.v1_text() == "c 1:3 m")
    );
}

#[test]
fn allow_by_default_with_exceptions() {
    let group = Cgroup::v1("allow");
    apply(&group.path, &policy(&["+a", "-c 1:7 rw"])).unwrap();
    assert_eq!(
        try_below(&group.path, read(FULL), Ask::Open),
        Outcome::Denied
    );
    assert_eq!(
        try_below(&group.path, read(ZERO), Ask::Open),
        Outcome::Passes
    );
}

#[test]
fn what_the_controller_cannot_do_is_said() {
    let group = Cgroup::v1("limits");
    let hole = policy(&["+c 1:* rwm", "-c 1:3 w"]);
    assert!(matches!(apply(&group.path, &hole), Err(V1Error::Hole)));
    group.child("below");
    let error = apply(&group.path, &policy(&["+c 1:3 r"])).unwrap_err();
    assert!(matches!(error, V1Error::HasChildren { .. }), "{error:?}");
    let missing = apply(Path::new("/nonexistent"), &hole).unwrap_err();
    assert!(matches!(missing, V1Error::Read { .. }));
}

#[test]
fn opening_up_under_running_processes_is_refused() {
    let group = Cgroup::v1("live");
    apply(&group.path, &policy(&["+c 1:3 rwm"])).unwrap();
    let mut sleeper = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    std::fs::write(group.path.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
    let error = apply(&group.path, &policy(&["+a", "-c 1:7 r"])).unwrap_err();
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert!(matches!(error, V1Error::WouldOpen { .. }), "{error:?}");
    assert_eq!(list(&group.path), ["c 1:3 rwm"]);
}

/// Kernel and policy agree on each request, as far as the controller can hold the policy.
#[test]
fn the_kernel_agrees_with_the_policy() {
    let group = Cgroup::v1("agree");
    let nodes = Nodes::detached().unwrap();
    let lists: [&[&str]; 4] = [
        &["+c 1:3 rwm", "+b *:* m"],
        &["+c 1:* r", "+c *:3 w", "+c 1:5 m"],
        &["+c *:* rwm", "+b 7:1 r"],
        &["+b 7:* rw", "+b 7:1 m"],
    ];
    for texts in lists {
        let policy = policy(texts);
        apply(&group.path, &policy).unwrap();
        let scratch = Scratch::below(&group.path).unwrap();
        for device in [1, 7]
            .into_iter()
            .flat_map(|major| [1, 3, 5].map(|minor| (major, minor)))
            .flat_map(|(major, minor)| [Device::char(major, minor), Device::block(major, minor)])
        {
            for access in [
                Access::READ,
                Access::WRITE,
                Access::READ_WRITE,
                Access::MKNOD,
            ] {
                let request = Request { device, access };
                let outcome = nodes.try_in(scratch.procs(), request, Ask::Check).unwrap();
                let expected = Some(policy.allows(request));
                assert_eq!(outcome.passes_filter(), expected, "{request} {texts:?}");
            }
        }
        scratch.close().unwrap();
    }
}
