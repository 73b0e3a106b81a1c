//! Limits: in force, and read back.

use warren_sys_cgroup::limits::convert::weight_from_shares;
use warren_tests_conformance::garden::{Server, shell};
use warren_wire_garden::limits::DiskLimitScope;
use warren_wire_garden::process::ProcessSpec;

const MIB: u64 = 1024 * 1024;

#[test]
fn memory_is_limited_counted_and_told() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.limits.memory.limit_in_bytes = 64 * MIB;
    let container = server.create(&spec);
    let client = server.client();
    let limit = client.memory_limits(container.handle()).unwrap();
    assert_eq!(limit.limit_in_bytes, 64 * MIB);
    let fill = |megabytes: u64| {
        let script = format!("dd if=/dev/zero of=/dev/shm/x bs=1M count={megabytes} 2>&1");
        let status = container.sh(&script).status;
        container.sh("rm -f /dev/shm/x");
        status
    };
    assert_eq!(fill(58), 0);
    assert_ne!(fill(65), 0);
    let metrics = client.metrics(container.handle()).unwrap();
    assert!(metrics.memory_stat.total_usage_toward_limit > 0);
    assert!(metrics.pid_stat.current > 0 && metrics.age.0 > 0);
    // More than one, if the first that was killed took its time to die.
    let info = client.info(container.handle()).unwrap();
    assert!(!info.events.is_empty());
    assert!(info.events.iter().all(|event| event == "oom"), "{info:?}");
}

#[test]
fn processes_are_limited() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.limits.pid.max = 20;
    let container = server.create(&spec);
    // What is left holds no output, which would be waited for.
    let bomb = "i=0; while [ $i -lt 40 ]; do sleep 100 >/dev/null 2>&1 & i=$((i+1)); done; wait";
    let ran = container.run(&shell("root", bomb));
    assert!(ran.stderr.contains("fork"), "{ran:?}");
    // A shell that cannot fork gives up.
    assert_eq!(ran.status, 2, "{ran:?}");
    let metrics = server.client().metrics(container.handle()).unwrap();
    assert_eq!(metrics.pid_stat.max, 20);
    let free = server.container();
    let metrics = server.client().metrics(free.handle()).unwrap();
    assert_eq!(metrics.pid_stat.max, 0);
}

#[test]
fn cpu_shares_are_told_and_the_rest_reads_empty() {
    let server = Server::new();
    let mut spec = server.spec("");
    let client = server.client();
    // Neither is what the kernel gives by itself.
    let [other, container] = [2048, 512].map(|shares| {
        spec.limits.cpu.limit_in_shares = shares;
        let container = server.create(&spec);
        let handle = container.handle();
        let told = client.cpu_limits(handle).unwrap().limit_in_shares;
        // Or the weight that they became.
        assert!(
            [shares, weight_from_shares(shares)].contains(&told),
            "{told}"
        );
        let text = server.group_file(handle, "cpu.shares", "cpu.weight");
        assert_eq!(text.trim(), told.to_string());
        container
    });
    drop(other);
    assert_eq!(
        client.disk_limits(container.handle()).unwrap(),
        Default::default()
    );
    assert_eq!(
        client.bandwidth_limits(container.handle()).unwrap(),
        Default::default()
    );
    container.run(&ProcessSpec {
        ..shell("root", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    });
    assert!(client.metrics(container.handle()).unwrap().cpu_stat.usage > 0);
}

#[test]
fn a_disk_limit_is_kept_or_told_of() {
    let server = Server::new();
    let mut spec = server.spec("bounded");
    spec.limits.disk.byte_hard = 20 * MIB;
    spec.limits.disk.scope = DiskLimitScope::EXCLUSIVE;
    spec.limits.disk.inode_hard = 5;
    spec.limits.bandwidth.rate = 1000;
    let container = server.create(&spec);
    let fill = |megabytes: u64| {
        let script = format!("dd if=/dev/zero of=/big bs=1M count={megabytes} 2>/dev/null && sync");
        container.sh(&script).status == 0
    };
    assert!(fill(10));
    let log = server.log();
    let is_told = |told: &str| {
        let is_it = |line: &str| line.contains(told) && line.contains(r#"handle="bounded""#);
        log.lines().any(is_it)
    };
    assert!(is_told("bandwidth_limits.rate of 1000"), "{log}");
    let is_counted_only = log.lines().any(|line| {
        line.contains("only counted, not enforced") && line.contains(r#"image="bounded""#)
    });
    assert_eq!(fill(30), is_counted_only, "{log}");
    let files = container.sh("for n in 1 2 3 4 5 6; do : >/file$n || exit; done");
    let is_kept = !is_told("disk_limits.inode_hard of 5");
    assert_eq!(files.status != 0, is_kept, "{log}");
    let used = server.client().metrics("bounded").unwrap().disk_stat;
    assert!(used.exclusive_bytes_used >= 10 * MIB, "{used:?}");
    // Without a limit there is nothing to tell.
    let free = server.container();
    free.says("dd if=/dev/zero of=/big bs=1M count=30 2>/dev/null && sync");
    assert_eq!(
        server.log().matches("only counted").count(),
        usize::from(is_counted_only)
    );
}

#[test]
fn usage_of_disk_is_counted() {
    let server = Server::new();
    let container = server.container();
    let client = server.client();
    let disk = || client.metrics(container.handle()).unwrap().disk_stat;
    let before = disk();
    container.says("dd if=/dev/zero of=/big bs=1M count=10 2>/dev/null && sync");
    let after = disk();
    let grown = after.exclusive_bytes_used - before.exclusive_bytes_used;
    assert!(
        (9 * MIB..=11 * MIB).contains(&grown),
        "{before:?} {after:?}"
    );
    assert!(after.total_bytes_used > after.exclusive_bytes_used);
}

#[test]
fn metrics_of_many_come_at_once() {
    let server = Server::new();
    let (one, two) = (server.container(), server.container());
    let answer = server
        .client()
        .bulk_metrics(&[one.handle(), two.handle(), "nobody"])
        .unwrap();
    for handle in [one.handle(), two.handle()] {
        assert!(answer[handle].metrics.pid_stat.current > 0);
        assert!(answer[handle].err.is_none());
    }
    assert!(answer["nobody"].err.is_some());
    let info = server
        .client()
        .bulk_info(&[one.handle(), two.handle()])
        .unwrap();
    assert_eq!(info.len(), 2);
}
