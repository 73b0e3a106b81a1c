//! Groups nested so deep that there are fewer descriptors than levels, in v2 and v1. Needs root, a
//! visible cgroup2 mount and the v1 freezer.

#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod common;

use common::{SOON, TestGroup, TestV1, Waiter, rerun_in};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const LEVELS: usize = 700;

/// Long enough that no one path leads all the way down.
const NAME: &str = "one-in-another";

/// Every so many levels there is another one beside it, found only on the way back.
const APART: usize = 50;

/// The limit is the whole process's, so a process is made for it: this very executable.
#[test]
fn depth_costs_no_descriptors() {
    let test = TestGroup::new();
    rerun_in(&test.group, "child_with_few_descriptors", &[]);
}

#[test]
#[ignore = "run by depth_costs_no_descriptors in a process of its own"]
fn child_with_few_descriptors() {
    let few = Rlimit {
        current: Some(64),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, few).unwrap();
    in_v2();
    in_v1();
}

/// Makes the groups by `create`; the deepest, and one beside the way.
fn nest<G>(top: G, create: impl Fn(&G, &str) -> G) -> (G, G) {
    let (mut deepest, mut beside) = (top, None);
    for level in 0..LEVELS {
        if level % APART == 0 {
            beside = Some(create(&deepest, "beside"));
        }
        deepest = create(&deepest, NAME);
    }
    (deepest, beside.unwrap())
}

/// These, in any order, and nobody else.
fn assert_found(waiters: &[Waiter], mut found: Vec<i32>) {
    let ids = waiters.iter().map(|w| w.pid().as_raw_nonzero().get());
    let mut ids: Vec<i32> = ids.collect();
    ids.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, ids);
}

fn in_v2() {
    let test = TestGroup::new();
    let top = test.group.create("top").unwrap();
    let (deepest, beside) = nest(top, |group, name| group.create(name).unwrap());
    let mut waiters = [Waiter::new(), Waiter::new()];
    deepest.add(waiters[0].pid()).unwrap();
    beside.add(waiters[1].pid()).unwrap();
    assert_found(&waiters, test.group.procs_below().unwrap());
    test.group.kill_by_signals(SOON).unwrap();
    assert!(waiters.iter_mut().all(Waiter::wait_exit));
    test.group.remove_child("top", SOON).unwrap();
    assert!(test.group.children().unwrap().is_empty());
    assert!(!deepest.is_alive() && !beside.is_alive());
}

fn in_v1() {
    let test = TestV1::new("freezer");
    let top = test.group.create_or_open("top").unwrap();
    let (deepest, beside) = nest(top, |group, name| group.create_or_open(name).unwrap());
    let mut waiters = [Waiter::new(), Waiter::new()];
    deepest.add(waiters[0].pid()).unwrap();
    beside.add(waiters[1].pid()).unwrap();
    assert_found(&waiters, test.group.procs_below().unwrap());
    // Who is frozen by a manager inside does not die before it is thawed there.
    deepest.freeze(SOON).unwrap();
    test.group.kill(SOON).unwrap();
    assert!(waiters.iter_mut().all(Waiter::wait_exit));
    test.group.child("top").unwrap().remove(SOON).unwrap();
    assert!(test.group.children().unwrap().is_empty());
    assert!(!deepest.is_alive() && !beside.is_alive());
}
