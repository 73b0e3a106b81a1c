//! Ceilings and shares of the CPUs, by the values in the kernel's files: what holds is the kernel's.

use std::time::{Duration, Instant};

use warren_sys_cgroup::limits::convert::weight_from_shares;
use warren_tests_conformance::garden::{Container, Server, shell};
use warren_wire_garden::container::ContainerSpec;

const PATIENCE: Duration = Duration::from_secs(100);

fn with_shares(server: &Server, shares: u64) -> ContainerSpec {
    let mut spec = server.spec("");
    spec.limits.cpu.limit_in_shares = shares;
    spec
}

/// The container's shares, in the unit of the cgroup version at hand.
#[track_caller]
fn share(server: &Server, container: &Container) -> u64 {
    let text = server.group_file(container.handle(), "cpu.shares", "cpu.weight");
    text.trim().parse().unwrap()
}

#[track_caller]
fn wait_for(what: &str, server: &Server, is_true: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Keeps the container half a second of CPU time above its entitlement.
#[track_caller]
fn be_busy(server: &Server, container: &Container) {
    let metrics = server.client().metrics(container.handle()).unwrap();
    if metrics.cpu_stat.usage < metrics.cpu_entitlement + 500_000_000 {
        let count = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done";
        assert_eq!(container.run(&shell("root", count)).status, 0);
    }
}

#[test]
fn a_quota_per_share_is_a_ceiling() {
    let server = Server::builder()
        .arguments(&["--cpu-quota-per-share", "20"])
        .start();
    let quota = |shares| {
        let container = server.create(&with_shares(&server, shares));
        let text = server.group_file(container.handle(), "cpu.cfs_quota_us", "cpu.max");
        let period = server.group_file(container.handle(), "cpu.cfs_period_us", "cpu.max");
        (
            text.split_whitespace().next().unwrap().to_owned(),
            period.split_whitespace().last().unwrap().to_owned(),
        )
    };
    let of = |quota: &str| (quota.to_owned(), "100000".to_owned());
    assert_eq!(quota(1024), of("20480"));
    // The kernel's least.
    assert_eq!(quota(10), of("1000"));
    let none = quota(0).0;
    assert!(none == "-1" || none == "max", "{none}");
}

#[test]
fn who_used_more_than_he_is_entitled_to_is_held_back_for_a_while() {
    // 1000 shares are a twentieth of a CPU.
    let server = Server::builder()
        .arguments(&["--enable-cpu-throttling=true"])
        .arguments(&["--cpu-throttling-check-interval", "1"])
        .arguments(&["--cpu-entitlement-per-share", "0.005"])
        .start();
    let busy = server.create(&with_shares(&server, 1000));
    let idle = server.create(&with_shares(&server, 1000));
    let free = server.create(&with_shares(&server, 0));
    let told = server.client().cpu_limits(busy.handle()).unwrap();
    let usual = told.limit_in_shares;
    be_busy(&server, &free);
    // Being made costs CPU time, too: the idle one takes a while to be good.
    wait_for("only the busy one is held back", &server, || {
        be_busy(&server, &busy);
        // Whoever is idle could use ten times as much at once.
        share(&server, &busy) * 10 <= share(&server, &idle) && share(&server, &idle) == usual
    });
    // It is entitled to nothing that it could exceed.
    let default = share(&server, &free);
    assert!([1024, 100].contains(&default), "{default}");
    // What it asked for is still what is told.
    let held = server.client().cpu_limits(busy.handle()).unwrap();
    assert_eq!(held, told);
    wait_for("it is held back for ever", &server, || {
        share(&server, &busy) == usual
    });
    let log = server.log();
    assert!(
        log.contains("held back") && log.contains(busy.handle()),
        "{log}"
    );
}

#[test]
fn a_server_that_holds_nobody_back_releases_whom_another_one_did() {
    let mut server = Server::builder()
        .arguments(&["--enable-cpu-throttling=true"])
        .arguments(&["--cpu-throttling-check-interval", "1"])
        .arguments(&["--cpu-entitlement-per-share", "0.005"])
        .start();
    let busy = server.create(&with_shares(&server, 1000));
    let _idle = server.create(&with_shares(&server, 1000));
    wait_for("it is not held back", &server, || {
        be_busy(&server, &busy);
        share(&server, &busy) < 90
    });
    server.end("-KILL");
    server.forget_arguments();
    server.start();
    assert!([1000, weight_from_shares(1000)].contains(&share(&server, &busy)));
}

#[test]
fn a_weight_for_block_devices_is_set_or_its_lack_is_told() {
    let server = Server::builder()
        .arguments(&["--default-container-blockio-weight", "300"])
        .start();
    let container = server.container();
    let files = [
        "blkio.weight",
        "blkio.bfq.weight",
        "io.weight",
        "io.bfq.weight",
    ];
    let read = |file| server.try_group_file(container.handle(), "blkio", file);
    let set: Vec<String> = files.into_iter().filter_map(read).collect();
    let lacks = server
        .log()
        .contains("containers have no share of block devices");
    assert_eq!(set.is_empty(), lacks, "{set:?}\n{}", server.log());
    if !lacks {
        let is_set = |text: &String| text.split_whitespace().last() == Some("300");
        assert!(set.iter().any(is_set), "{set:?}");
    }
}
