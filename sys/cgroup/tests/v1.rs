//! v1 groups and their limits. Needs root and the v1 controllers memory, pids, cpu, freezer,
//! cpuset and blkio mounted, as on a hybrid host.

#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod common;

use std::time::Duration;

use common::{SOON, TestV1, Waiter};
use warren_sys_cgroup::limits::{
    Applied, Bound, CpuQuota, CpuShare, Fidelity, LimitError, Limits, PlanError, Targets, apply,
};
use warren_sys_cgroup::{GroupSet, OomWatcher, Process, V1Group};

const MIB: u64 = 1 << 20;

fn set(test: &TestV1, limits: &Limits) -> Vec<Applied> {
    let groups = [V1Group::open(test.group.path(), test.group.controllers()).unwrap()];
    apply(
        Targets {
            v2: None,
            v1: &groups,
        },
        limits,
    )
    .unwrap_or_else(|e| panic!("{e}"))
}

fn said(applied: &[Applied]) -> Vec<(&str, &str)> {
    applied
        .iter()
        .map(|a| (a.write.file, a.effective.as_str()))
        .collect()
}

#[test]
fn memory_is_rounded_and_says_so() {
    let test = TestV1::new("memory");
    let mut limits = Limits::default();
    limits.memory.max = Some(Bound::At(16 * MIB + 1));
    let applied = set(&test, &limits);
    assert_eq!(said(&applied), [("memory.limit_in_bytes", "16777216")]);
    assert_eq!(applied[0].fidelity, Fidelity::Rounded);
    let file = "memory.limit_in_bytes";
    assert_eq!(test.group.number(file).unwrap(), Some(16 * MIB));

    // With swap, up and down again, whatever the order must be.
    for (memory, swap) in [(16, 8), (64, 0), (8, 200), (8, 1)] {
        limits.memory.max = Some(Bound::At(memory * MIB));
        limits.memory.swap = Some(Bound::At(swap * MIB));
        set(&test, &limits);
        assert_eq!(test.group.number(file).unwrap(), Some(memory * MIB));
        let both = test.group.number("memory.memsw.limit_in_bytes").unwrap();
        assert_eq!(both, Some((memory + swap) * MIB));
    }
    limits.memory.max = Some(Bound::Unlimited);
    limits.memory.swap = Some(Bound::Unlimited);
    assert_eq!(set(&test, &limits).len(), 2);
}

#[test]
fn what_v1_lacks_is_an_error_and_the_rest_still_holds() {
    let test = TestV1::new("pids");
    let groups = [V1Group::open(test.group.path(), test.group.controllers()).unwrap()];
    let mut limits = Limits {
        pids: Some(Bound::At(7)),
        ..Limits::default()
    };
    limits.memory.max = Some(Bound::At(MIB));
    let error = apply(
        Targets {
            v2: None,
            v1: &groups,
        },
        &limits,
    )
    .unwrap_err();
    assert_eq!(error.failures.len(), 1);
    assert_eq!(error.failures[0].controller, "memory");
    assert!(
        error
            .to_string()
            .contains("no mounted hierarchy carries it"),
        "{error}"
    );
    assert_eq!(said(&error.applied), [("pids.max", "7")]);

    let memory = TestV1::new("memory");
    let groups = [V1Group::open(memory.group.path(), memory.group.controllers()).unwrap()];
    limits.memory.high = Some(Bound::At(MIB));
    limits.pids = None;
    let error = apply(
        Targets {
            v2: None,
            v1: &groups,
        },
        &limits,
    )
    .unwrap_err();
    assert!(matches!(
        error.failures[0].error,
        LimitError::Plan(PlanError::NoV1Equivalent("memory.high"))
    ));
}

#[test]
fn cpu_shares_and_quota() {
    let test = TestV1::new("cpu");
    let mut limits = Limits::default();
    limits.cpu.share = Some(CpuShare::Weight(50));
    limits.cpu.quota = Some(CpuQuota {
        quota_us: Bound::At(20_000),
        period_us: 50_000,
    });
    assert_eq!(
        said(&set(&test, &limits)),
        [
            ("cpu.shares", "421"),
            ("cpu.cfs_period_us", "50000"),
            ("cpu.cfs_quota_us", "20000")
        ]
    );
    limits.cpu.quota = Some(CpuQuota {
        quota_us: Bound::Unlimited,
        period_us: 100_000,
    });
    set(&test, &limits);
    assert_eq!(test.group.read("cpu.cfs_quota_us").unwrap().trim(), "-1");
}

#[test]
fn cpuset_children_are_usable_at_once() {
    let test = TestV1::new("cpuset");
    let mut limits = Limits::default();
    limits.cpuset.cpus = Some("0".into());
    limits.cpuset.mems = Some("0".into());
    assert_eq!(
        said(&set(&test, &limits)),
        [("cpuset.cpus", "0"), ("cpuset.mems", "0")]
    );
    let child = test.group.create_or_open("a").unwrap();
    let waiter = Waiter::new();
    child.add(waiter.pid()).unwrap();
    assert_eq!(child.read("cpuset.cpus").unwrap().trim(), "0");
}

#[test]
fn pids_are_really_limited() {
    let test = TestV1::new("pids");
    set(
        &test,
        &Limits {
            pids: Some(Bound::At(1)),
            ..Limits::default()
        },
    );
    let mut waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    waiter.go("(true) 2>/dev/null && exit 1; exit 0");
    waiter.wait_exit();
    assert_eq!(
        test.group
            .flat_keyed("pids.events")
            .unwrap()
            .unwrap()
            .get("max"),
        Some(1)
    );
}

#[test]
fn freezing_and_killing() {
    let test = TestV1::new("freezer");
    let mut waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    test.group.freeze(SOON).unwrap();
    waiter.go("exit 0");
    assert!(test.group.wait_empty(Duration::from_millis(60)).is_err());
    test.group.kill(SOON).unwrap();
    assert!(waiter.wait_exit());
    assert_eq!(waiter.0.wait().unwrap().code(), None, "killed, not exited");
}

#[test]
fn an_oom_kill_is_told() {
    let test = TestV1::new("memory");
    let mut limits = Limits::default();
    limits.memory.max = Some(Bound::At(8 * MIB));
    limits.memory.swap = Some(Bound::At(0));
    set(&test, &limits);
    let mut watcher = OomWatcher::v1(&test.group).unwrap();
    assert_eq!(watcher.wait(Duration::from_millis(20)).unwrap(), 0);
    let mut waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    // `tail` keeps what it reads until the end of the line, which never comes.
    waiter.go("exec tail /dev/zero");
    assert!(watcher.wait(SOON).unwrap() >= 1);
    assert!(waiter.wait_exit());
}

#[test]
fn a_set_spans_all_hierarchies() {
    let ours = GroupSet::of(Process::Myself).unwrap();
    assert!(ours.v2.is_some() && !ours.v1.is_empty());
    let name = format!("warren-test-{}-set", std::process::id());
    assert!(ours.create("a/b").is_err());
    let set = Removed(Some(ours.create(&name).unwrap()));
    let groups = set.0.as_ref().unwrap();
    assert_eq!(groups.v1.len(), ours.v1.len());
    let mut waiter = Waiter::new();
    groups.add(waiter.pid()).unwrap();
    let moved = GroupSet::of(Process::Pid(waiter.pid())).unwrap();
    assert_eq!(
        moved.v2.as_ref().unwrap().id(),
        groups.v2.as_ref().unwrap().id()
    );
    let mut limits = Limits {
        pids: Some(Bound::At(100)),
        ..Limits::default()
    };
    limits.memory.max = Some(Bound::At(64 * MIB));
    limits.cpu.share = Some(CpuShare::Shares(2048));
    assert_eq!(
        groups
            .limit(&limits)
            .unwrap_or_else(|e| panic!("{e}"))
            .len(),
        3
    );
    groups.freeze(SOON).unwrap();
    groups.kill(SOON).unwrap();
    assert!(waiter.wait_exit());
    drop(set);
    assert!(ours.child(&name).is_err());
}

/// Removes the set in the end.
struct Removed(Option<GroupSet>);

impl Drop for Removed {
    fn drop(&mut self) {
        let Some(set) = self.0.take() else { return };
        let killed = set.kill(SOON);
        let removed = set.remove(SOON);
        if !std::thread::panicking() {
            killed.unwrap();
            removed.unwrap();
        }
    }
}
