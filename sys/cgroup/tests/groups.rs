//! v2 groups: life, freezing, killing, evacuation, delegation. Needs root and a visible cgroup2
//! mount.

mod common;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use common::{SOON, TestGroup, Waiter};
use rustix::fs::{Gid, Uid};
use warren_sys_cgroup::group::Kind;
use warren_sys_cgroup::pressure::Resource;
use warren_sys_cgroup::{Cgroup, Error, Meaning, Undelegated};

const FORKING: &str = "while :; do sleep 0.01 & wait; done";

#[test]
fn a_life() {
    let test = TestGroup::new();
    let group = &test.group;
    assert_eq!(group.kind().unwrap(), Kind::Domain);
    assert!(!group.is_real_root().unwrap());
    assert!(!group.state().unwrap().populated);
    let mut waiter = Waiter::new();
    group.add(waiter.pid()).unwrap();
    assert_eq!(
        group.procs().unwrap(),
        [waiter.pid().as_raw_nonzero().get()]
    );
    assert!(group.state().unwrap().populated);
    let busy = group.wait_empty(Duration::from_millis(30)).unwrap_err();
    assert!(
        matches!(busy, Error::StillPopulated { ref pids, .. } if pids.len() == 1),
        "{busy}"
    );
    waiter.go("exit 0");
    group.wait_empty(SOON).unwrap();
    assert!(group.cpu_stat().unwrap().usage > Duration::ZERO);
    group
        .pressure(Resource::Cpu)
        .unwrap()
        .expect("a kernel with PSI");
}

#[test]
fn creating_twice() {
    let test = TestGroup::new();
    let first = test.group.create("a").unwrap();
    assert_eq!(
        test.group.create("a").unwrap_err().meaning(),
        Some(Meaning::Exists)
    );
    assert_eq!(test.group.create_or_open("a").unwrap().id(), first.id());
    assert!(test.group.child("b").unwrap_err().is_gone());
    assert!(matches!(
        test.group.create("../b"),
        Err(Error::InvalidName(_))
    ));
    let base = Path::new("x");
    assert!(matches!(
        Cgroup::open_at(&test.group, base, Path::new("../a")),
        Err(Error::InvalidName(_))
    ));
    assert_eq!(test.group.children().unwrap(), ["a"]);
}

#[test]
fn who_is_in_a_threaded_group_is_found_in_its_domain() {
    let test = TestGroup::new();
    let threads = test.group.create("threads").unwrap();
    threads.write("cgroup.type", "threaded").unwrap();
    assert_eq!(threads.kind().unwrap(), Kind::Threaded);
    let waiter = Waiter::new();
    let pid = waiter.pid().as_raw_nonzero().get();
    test.group.add(waiter.pid()).unwrap();
    threads.write("cgroup.threads", &pid.to_string()).unwrap();
    assert!(threads.procs().is_err());
    assert_eq!(test.group.procs_below().unwrap(), [pid]);
}

#[test]
fn freezing() {
    let test = TestGroup::new();
    let mut waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    test.group.freeze(SOON).unwrap();
    assert!(test.group.state().unwrap().frozen);
    waiter.go("exit 0");
    let still = test.group.wait_empty(Duration::from_millis(100));
    assert!(still.is_err(), "a frozen process does not go on");
    test.group.thaw(SOON).unwrap();
    test.group.wait_empty(SOON).unwrap();
}

#[test]
fn killing_a_tree_that_forks() {
    for by_signals in [false, true] {
        let test = TestGroup::new();
        let child = test.group.create("a").unwrap().create("b").unwrap();
        let mut waiters = [Waiter::new(), Waiter::new()];
        test.group.add(waiters[0].pid()).unwrap();
        child.add(waiters[1].pid()).unwrap();
        for waiter in &mut waiters {
            waiter.go(FORKING);
        }
        std::thread::sleep(Duration::from_millis(50));
        if by_signals {
            test.group.kill_by_signals(SOON).unwrap();
        } else {
            test.group.kill(SOON).unwrap();
        }
        assert!(!test.group.state().unwrap().populated);
        assert!(!test.group.state().unwrap().frozen);
        assert!(waiters.iter_mut().all(Waiter::wait_exit));
    }
}

#[test]
fn killing_what_is_frozen() {
    let test = TestGroup::new();
    let mut waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    test.group.freeze(SOON).unwrap();
    test.group.kill(SOON).unwrap();
    assert!(waiter.wait_exit());
}

#[test]
fn removal_names_who_is_in_the_way() {
    let test = TestGroup::new();
    let deep = test.group.create("a").unwrap().create("b").unwrap();
    let waiter = Waiter::new();
    deep.add(waiter.pid()).unwrap();
    let root = common::v2_root();
    let error = root
        .child(&test.name)
        .unwrap()
        .remove(Duration::from_millis(50))
        .unwrap_err();
    let Error::StillPopulated { path, pids, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*path, test.group.path().join("a/b"));
    assert_eq!(*pids, [waiter.pid().as_raw_nonzero().get()]);
    deep.kill(SOON).unwrap();
    root.child(&test.name).unwrap().remove(SOON).unwrap();
    assert!(!deep.is_alive());
    let gone = deep.add(waiter.pid()).unwrap_err();
    assert_eq!(gone.meaning(), Some(Meaning::Deleted));
    // Removing, killing, waiting for what is gone already is no failure.
    deep.kill(SOON).unwrap();
    deep.wait_empty(SOON).unwrap();
    deep.remove(SOON).unwrap();
}

#[test]
fn removal_waits_for_the_dying() {
    let test = TestGroup::new();
    let child = test.group.create("a").unwrap();
    let mut waiter = Waiter::new();
    child.add(waiter.pid()).unwrap();
    waiter.go("sleep 0.2");
    child.remove(SOON).unwrap();
    assert!(test.group.children().unwrap().is_empty());
}

#[test]
fn evacuation_catches_forks() {
    let test = TestGroup::new();
    let mut waiters: Vec<Waiter> = (0..4).map(|_| Waiter::new()).collect();
    for waiter in &mut waiters {
        test.group.add(waiter.pid()).unwrap();
        waiter.go(FORKING);
    }
    let evacuated = test.group.evacuate("init", SOON).unwrap();
    assert!(evacuated.moved >= 4 && evacuated.immovable.is_empty());
    assert_eq!(test.group.procs().unwrap(), [0_i32; 0]);
    assert!(evacuated.leaf.procs().unwrap().len() >= 4);
    // Once more, with nobody to move.
    assert_eq!(test.group.evacuate("init", SOON).unwrap().moved, 0);
}

#[test]
fn delegation_hands_over_what_the_kernel_lists() {
    let test = TestGroup::new();
    test.group
        .delegate(Uid::from_raw(1234), Gid::from_raw(2345))
        .unwrap();
    assert_eq!(
        test.group.delegated_to().unwrap(),
        Some(Uid::from_raw(1234))
    );
    let owner = |file: &str| {
        let stat = std::fs::metadata(test.group.path().join(file)).unwrap();
        (stat.uid(), stat.gid())
    };
    for file in [
        "",
        "cgroup.procs",
        "cgroup.threads",
        "cgroup.subtree_control",
    ] {
        assert_eq!(owner(file), (1234, 2345), "{file}");
    }
    assert_eq!(
        owner("cgroup.freeze"),
        (0, 0),
        "limits and controls stay ours"
    );
}

#[test]
fn a_missing_controller_names_who_withholds_it() {
    let test = TestGroup::new();
    let deep = test.group.create("a").unwrap();
    let enabled = deep.enable(&["no-such-controller"]).unwrap();
    let error = enabled[0].result.as_ref().unwrap_err();
    let Error::NoController {
        reason: Undelegated::NotInRoot { root, v1_hierarchy },
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(root, common::v2_root().path());
    assert_eq!(*v1_hierarchy, None);
    let missing = deep
        .require(&["no-such-controller", "neither"])
        .unwrap_err();
    assert_eq!(missing.len(), 2);
    deep.require(&[]).unwrap();
    // A controller that the root has and our group was not given, if this machine has one.
    let root = common::v2_root();
    let given = test.group.controllers().unwrap();
    for controller in root
        .controllers()
        .unwrap()
        .iter()
        .filter(|c| !given.contains(c))
    {
        let Error::NoController { reason, .. } = deep.undelegated(controller) else {
            panic!()
        };
        assert_eq!(reason, Undelegated::NotEnabledIn(root.path().to_owned()));
    }
}

#[test]
fn a_process_that_is_gone() {
    let test = TestGroup::new();
    let mut waiter = Waiter::new();
    let pid = waiter.pid();
    waiter.go("exit 0");
    waiter.0.wait().unwrap();
    assert_eq!(
        test.group.add(pid).unwrap_err().meaning(),
        Some(Meaning::ProcessGone)
    );
}

#[test]
fn the_real_root_is_known() {
    let root = Cgroup::from_fd(
        warren_sys_mount::kernfs::open_by_id(common::v2_root(), 1).unwrap(),
        "root".into(),
    )
    .unwrap();
    assert!(root.is_real_root().unwrap());
    assert!(root.state().unwrap().populated);
}
