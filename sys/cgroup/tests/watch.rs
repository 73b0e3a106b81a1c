//! Watching groups come, go and change. Needs root and a visible cgroup2 mount.

#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{SOON, TestGroup, Waiter};
use warren_sys_cgroup::watch::Change;
use warren_sys_cgroup::{Cgroup, Watcher};
use warren_sys_mount::detached_cgroup2;

const QUIET: Duration = Duration::from_millis(50);

fn base(test: &TestGroup) -> Cgroup {
    Cgroup::open(test.group.path()).unwrap()
}

#[test]
fn the_whole_story_of_a_path_that_does_not_exist_yet() {
    let test = TestGroup::new();
    let mut watcher = Watcher::new(base(&test), Path::new("a/b/c")).unwrap();
    assert_eq!(watcher.present(), None);
    let a = test.group.create("a").unwrap();
    assert_eq!(watcher.wait(QUIET).unwrap(), []);
    let b = a.create("b").unwrap();
    assert_eq!(watcher.wait(QUIET).unwrap(), []);
    let first = b.create("c").unwrap();
    let [Change::Appeared(present)] = watcher.wait(SOON).unwrap()[..] else {
        panic!()
    };
    assert_eq!((present.id, present.state.populated), (first.id(), false));

    let waiter = Waiter::new();
    first.add(waiter.pid()).unwrap();
    assert_eq!(watcher.wait(SOON).unwrap(), [Change::Populated(true)]);
    first.freeze(SOON).unwrap();
    assert_eq!(watcher.wait(SOON).unwrap(), [Change::Frozen(true)]);
    first.thaw(SOON).unwrap();
    assert_eq!(watcher.wait(SOON).unwrap(), [Change::Frozen(false)]);
    first.kill(SOON).unwrap();
    assert_eq!(watcher.wait(SOON).unwrap(), [Change::Populated(false)]);

    // Deleted and made again between two looks.
    let old = first.id();
    first.remove(SOON).unwrap();
    let second = b.create("c").unwrap();
    let [Change::Replaced { old: was, new }] = watcher.wait(SOON).unwrap()[..] else {
        panic!()
    };
    assert_eq!((was, new.id), (old, second.id()));

    // The whole path goes, from the first component on.
    a.remove(SOON).unwrap();
    assert_eq!(watcher.wait(SOON).unwrap(), [Change::Removed(second.id())]);
    let third = test
        .group
        .create("a")
        .unwrap()
        .create("b")
        .unwrap()
        .create("c")
        .unwrap();
    let [Change::Appeared(present)] = watcher.wait(SOON).unwrap()[..] else {
        panic!()
    };
    assert_eq!(present.id, third.id());
    assert_eq!(watcher.wait(QUIET).unwrap(), []);
}

#[test]
fn through_a_detached_mount() {
    let test = TestGroup::new();
    let root = Cgroup::from_fd(detached_cgroup2().unwrap().root, "(cgroup2)".into()).unwrap();
    let mut watcher = Watcher::new(root, &Path::new(&test.name).join("x")).unwrap();
    let x = test.group.create("x").unwrap();
    let [Change::Appeared(present)] = watcher.wait(SOON).unwrap()[..] else {
        panic!()
    };
    assert_eq!(present.id, x.id());
    x.remove(SOON).unwrap();
    assert!(matches!(
        watcher.wait(SOON).unwrap()[..],
        [Change::Removed(_)]
    ));
}

#[test]
fn many_quick_recreations_end_in_the_truth() {
    let test = TestGroup::new();
    let mut watcher = Watcher::new(base(&test), Path::new("a/b")).unwrap();
    let mut last = None;
    for round in 0..200 {
        let b = test.group.create("a").unwrap().create("b").unwrap();
        if round % 7 == 0 {
            watcher.changes().unwrap();
        }
        last = Some(b.id());
        if round < 199 {
            test.group.child("a").unwrap().remove(SOON).unwrap();
        }
    }
    watcher.changes().unwrap();
    assert_eq!(watcher.present().map(|p| p.id), last);
    test.group.child("a").unwrap().remove(SOON).unwrap();
    assert_eq!(
        watcher.wait(SOON).unwrap(),
        [Change::Removed(last.unwrap())]
    );
}

#[test]
fn the_base_itself_may_be_watched_and_go() {
    let test = TestGroup::new();
    let child = test.group.create("a").unwrap();
    let mut watcher = Watcher::new(test.group.child("a").unwrap(), Path::new("")).unwrap();
    assert_eq!(watcher.present().unwrap().id, child.id());
    let id = child.id();
    child.remove(SOON).unwrap();
    assert_eq!(watcher.changes().unwrap(), [Change::Removed(id)]);
    assert!(Watcher::new(base(&test), Path::new("/a")).is_err());
    assert!(Watcher::new(base(&test), Path::new("a/../b")).is_err());
}
