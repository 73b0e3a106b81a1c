//! A sandbox goes away whole, however the test ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use warren_tests_harness::{Sandbox, cgroup};

#[test]
fn it_is_a_cgroup_of_its_own_with_a_network_of_its_own() {
    let sandbox = Sandbox::new("own");
    assert!(sandbox.cgroup().starts_with(cgroup::root()));
    let actor = sandbox.actor_in("a/b").spawn();
    let pid = actor.host_pid();
    let pids = cgroup::processes(&sandbox.cgroup().join("a/b")).unwrap();
    assert_eq!(pids.len(), 1);
    assert_eq!(pids[0].as_raw_nonzero().get().unsigned_abs(), pid);
    let link = std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert_eq!(
        link.display().to_string(),
        format!("net:[{}]", sandbox.net().inode())
    );
    assert!(
        sandbox
            .net()
            .ip(&["-brief", "link", "show", "up"])
            .starts_with("lo ")
    );
}

#[test]
fn it_takes_its_processes_along_even_in_a_panic() {
    let mut left = None;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let sandbox = Sandbox::new("panic");
        sandbox.child_cgroup("deep/deeper");
        left = Some(sandbox.cgroup().to_owned());
        let actor = sandbox.actor_in("deep/deeper").spawn();
        actor
            .run(&["sh", "-c", "sleep 1000 >/dev/null 2>&1 & "])
            .success();
        panic!("as a failing test does");
    }));
    assert!(panic.is_err());
    let left = left.unwrap();
    assert!(!left.exists(), "{}", left.display());
}
