//! What an owner records, without a kernel.

use super::tests_support::cgroup2_root;
use super::*;
use crate::policy::Policy;
use crate::program::Style;
use crate::rule::DeviceRule;

/// Kernels before 5.6: the new one is added, then the old one goes; others' stay.
#[test]
fn without_one_step_replacement_the_new_one_comes_first() {
    let path = cgroup2_root().join(format!("warren-test-{}-addfirst", std::process::id()));
    std::fs::create_dir(&path).expect("needs root and a writable cgroup2");
    let dir = std::fs::File::open(&path).unwrap();
    let policy = Policy::from_rules(&[DeviceRule::all(true)]).unwrap();
    let program = Program::new(&policy, Style::Shared);
    let foreign = bpf::load(&program).unwrap();
    bpf::attach(dir.as_fd(), foreign.as_fd()).unwrap();
    let mut record = None;
    let old = install(dir.as_fd(), &program, &mut record)
        .unwrap()
        .owned
        .programs[0]
        .id;

    let mut target = Target::open(dir.as_fd(), LOCK_PATIENCE).unwrap();
    target.one_step = false;
    let mine = target.recorded(&mut record).unwrap();
    let report = target.change(&program, mine, &mut record).unwrap();
    drop(target);
    let ids = bpf::query(dir.as_fd()).unwrap().ids;
    std::fs::remove_dir(&path).unwrap();

    let new = report.owned.programs[0].id;
    assert_eq!(report.how, How::AddedThenDetached(vec![old]));
    assert_eq!(ids, [foreign.info().id, new]);
    assert_eq!(record, Some(report.owned));
}

/// Whoever holds the lock (a container may) delays a change but cannot prevent it.
#[test]
fn a_held_lock_is_outwaited() {
    let path = cgroup2_root().join(format!("warren-test-{}-locked", std::process::id()));
    std::fs::create_dir(&path).expect("needs root and a writable cgroup2");
    let dir = std::fs::File::open(&path).unwrap();
    let policy = Policy::from_rules(&[DeviceRule::all(true)]).unwrap();
    let program = Program::new(&policy, Style::Shared);
    let held = Target::open(dir.as_fd(), LOCK_PATIENCE).unwrap();
    let change = |record: &mut Option<Owned>| {
        let target = Target::open(dir.as_fd(), Duration::from_millis(20)).unwrap();
        let mine = target.recorded(record).unwrap();
        target.change(&program, mine, record).unwrap()
    };
    let mut record = None;
    let first = change(&mut record);
    drop(held);
    let second = change(&mut record);
    let ids = bpf::query(dir.as_fd()).unwrap().ids;
    std::fs::remove_dir(&path).unwrap();
    assert!(first.contended && !second.contended);
    assert_eq!(ids.len(), 1);
}
