//! Controllers and limits of cgroup v2, where v2 has the controllers.
//!
//! These need a machine whose v2 root hands down memory, cpu, pids, io and cpuset, mounted with
//! `nsdelegate`, and a block device, so they are ignored by default and run in the virtual machine:
//! `controllers --ignored --skip child_`. On a hybrid host `tests/v1.rs` covers the same limits.

#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod common;

use std::time::Duration;

use common::{SOON, TestGroup, Waiter, rerun_in};
use rustix::thread::UnshareFlags;
use warren_sys_cgroup::limits::{
    Applied, Bound, CpuQuota, CpuShare, Fidelity, IoMax, LimitError, Limits, Targets, apply,
};
use warren_sys_cgroup::locate::{Through, locate_detached};
use warren_sys_cgroup::{
    Cgroup, Error, Layout, Meaning, OomWatcher, Process, Undelegated, layout::Mode,
};

const MIB: u64 = 1 << 20;
const ALL: [&str; 5] = ["memory", "cpu", "pids", "io", "cpuset"];

/// A test group that has all controllers.
fn group() -> TestGroup {
    let missing: Vec<_> = common::v2_root()
        .enable(&ALL)
        .unwrap()
        .into_iter()
        .filter(|e| e.result.is_err())
        .collect();
    assert!(
        missing.is_empty(),
        "run this where v2 has these controllers: {missing:?}"
    );
    TestGroup::new()
}

fn set(group: &Cgroup, limits: &Limits) -> Vec<Applied> {
    apply(
        Targets {
            v2: Some(group),
            v1: &[],
        },
        limits,
    )
    .unwrap_or_else(|e| panic!("{e}"))
}

fn memory(max: u64) -> Limits {
    let mut limits = Limits::default();
    limits.memory.max = Some(Bound::At(max));
    limits.memory.swap = Some(Bound::At(0));
    limits
}

#[test]
#[ignore = "needs all controllers in v2: run in the virtual machine"]
fn every_limit_reads_back() {
    let test = group();
    let mut limits = memory(64 * MIB + 5);
    limits.memory.high = Some(Bound::At(48 * MIB));
    limits.memory.low = Some(Bound::At(MIB));
    limits.memory.min = Some(Bound::At(4096));
    limits.memory.oom_group = Some(true);
    limits.cpu.share = Some(CpuShare::Shares(512));
    limits.cpu.quota = Some(CpuQuota {
        quota_us: Bound::At(50_000),
        period_us: 100_000,
    });
    limits.pids = Some(Bound::At(9));
    limits.cpuset.cpus = Some("0".into());
    limits.cpuset.mems = Some("0".into());
    let applied = set(&test.group, &limits);
    let said: Vec<_> = applied
        .iter()
        .map(|a| format!("{}={}", a.write.file, a.effective))
        .collect();
    assert_eq!(
        said,
        [
            "memory.min=4096",
            "memory.low=1048576",
            "memory.high=50331648",
            "memory.oom.group=1",
            "memory.swap.max=0",
            "memory.max=67108864",
            "cpu.weight=59",
            "cpu.max=50000 100000",
            "pids.max=9",
            "cpuset.cpus=0",
            "cpuset.mems=0"
        ]
    );
    let rounded: Vec<_> = applied
        .iter()
        .filter(|a| a.fidelity == Fidelity::Rounded)
        .collect();
    assert_eq!(rounded.len(), 1);
    assert_eq!(
        test.group.bound("memory.max").unwrap(),
        Some(Bound::At(64 * MIB))
    );

    let unlimited = Limits {
        pids: Some(Bound::Unlimited),
        ..Limits::default()
    };
    assert_eq!(set(&test.group, &unlimited)[0].effective, "max");
}

#[test]
#[ignore = "needs all controllers in v2: run in the virtual machine"]
fn io_limits_per_device() {
    let test = group();
    let device = std::fs::read_dir("/sys/block").unwrap().find_map(|entry| {
        let text = std::fs::read_to_string(entry.unwrap().path().join("dev")).ok()?;
        let (major, minor) = text.trim().split_once(':')?;
        Some((major.parse().unwrap(), minor.parse().unwrap()))
    });
    let (major, minor) = device.expect("give the machine a block device");
    let mut limits = Limits::default();
    let wanted = IoMax {
        major,
        minor,
        read_bytes: Some(Bound::At(MIB)),
        write_ops: Some(Bound::At(120)),
        ..IoMax::default()
    };
    limits.io.max = vec![wanted];
    let applied = set(&test.group, &limits);
    assert!(applied[0].effective.contains("rbps=1048576"), "{applied:?}");
    assert!(applied[0].effective.contains("wiops=120"), "{applied:?}");
    let none = Some(Bound::Unlimited);
    limits.io.max = vec![IoMax {
        read_bytes: none,
        write_ops: none,
        ..wanted
    }];
    set(&test.group, &limits);
    assert_eq!(test.group.read("io.max").unwrap(), "");
}

#[test]
#[ignore = "needs all controllers in v2: run in the virtual machine"]
fn the_no_internal_process_rule_and_evacuation() {
    let test = group();
    let waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    let refused = test.group.enable(&["memory"]).unwrap();
    let error = refused[0].result.as_ref().unwrap_err();
    assert_eq!(
        error.meaning(),
        Some(Meaning::NoInternalProcesses),
        "{error}"
    );
    let evacuated = test.group.evacuate("init", SOON).unwrap();
    assert_eq!(evacuated.moved, 1);
    for enabled in test.group.enable(&ALL).unwrap() {
        enabled.result.unwrap();
    }
    let enabled = test.group.enabled().unwrap();
    assert!(
        ALL.iter().all(|c| enabled.iter().any(|e| e == c)),
        "{enabled:?}"
    );
    let back = test.group.add(waiter.pid()).unwrap_err();
    assert_eq!(back.meaning(), Some(Meaning::NoInternalProcesses), "{back}");
    let child = test.group.create("job").unwrap();
    set(&child, &memory(32 * MIB));
    let inherited = child.create("below").unwrap();
    let error = apply(
        Targets {
            v2: Some(&inherited),
            v1: &[],
        },
        &memory(MIB),
    )
    .unwrap_err();
    let LimitError::Group(Error::NoController { reason, .. }) = &error.failures[0].error else {
        panic!("{error}");
    };
    assert_eq!(*reason, Undelegated::NotEnabledIn(child.path().to_owned()));
    let busy = test.group.create("x").unwrap().enable(&["memory"]).unwrap();
    busy[0].result.as_ref().unwrap();
    let busy = test.group.disable("memory").unwrap_err();
    assert_eq!(busy.meaning(), Some(Meaning::ChildrenUseIt), "{busy}");
}

#[test]
#[ignore = "needs all controllers in v2: run in the virtual machine"]
fn a_threaded_group_is_told() {
    let test = group();
    let child = test.group.create("t").unwrap();
    child.write("cgroup.type", "threaded").unwrap();
    let error = child.procs().unwrap_err();
    assert_eq!(error.meaning(), Some(Meaning::InvalidDomain), "{error}");
    let kind = test.group.kind().unwrap();
    assert_eq!(kind, warren_sys_cgroup::group::Kind::DomainThreaded);
}

#[test]
#[ignore = "needs all controllers in v2: run in the virtual machine"]
fn usage_is_counted() {
    let test = group();
    let mut limits = Limits {
        pids: Some(Bound::At(8)),
        ..memory(64 * MIB)
    };
    limits.cpu.quota = Some(CpuQuota {
        quota_us: Bound::At(2_000),
        period_us: 10_000,
    });
    set(&test.group, &limits);
    let mut waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    assert_eq!(test.group.pids_current().unwrap(), Some(1));
    // What a process has before it is moved stays charged where it was.
    waiter.go("x=$(head -c 2000000 /dev/zero | tr '\\0' a); while :; do :; done");
    let started = std::time::Instant::now();
    let mut most = None;
    while most < Some(MIB) && started.elapsed() < SOON {
        most = most.max(test.group.memory_current().unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(most >= Some(MIB), "{most:?}");
    // It never ends, so it is held back sooner or later.
    let started = std::time::Instant::now();
    loop {
        let cpu = test.group.cpu_stat().unwrap();
        if cpu.throttled_periods > 0 && cpu.usage > Duration::from_millis(10) {
            break;
        }
        assert!(started.elapsed() < SOON, "{cpu:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        test.group
            .memory_stat()
            .unwrap()
            .unwrap()
            .get("anon")
            .is_some()
    );
    assert_eq!(
        test.group.memory_events_local().unwrap().unwrap().oom_kill,
        0
    );
}

#[test]
#[ignore = "needs all controllers in v2: run in the virtual machine"]
fn an_oom_kill_is_told() {
    let test = group();
    set(&test.group, &memory(8 * MIB));
    let mut watcher = OomWatcher::v2(&test.group).unwrap();
    let mut waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    assert_eq!(watcher.kills().unwrap(), 0);
    // `tail` keeps what it reads until the end of the line, which never comes.
    waiter.go("exec tail /dev/zero");
    assert!(watcher.wait(SOON).unwrap() >= 1);
    assert!(waiter.wait_exit());
    assert!(test.group.memory_events().unwrap().unwrap().oom_kill >= 1);
}

#[test]
#[ignore = "needs all controllers in v2: run in the virtual machine"]
fn a_namespace_root_belongs_to_the_outside() {
    let test = group();
    rerun_in(&test.group, "child_at_a_namespace_root", &[]);
}

#[test]
#[ignore = "run in its group by a_namespace_root_belongs_to_the_outside"]
fn child_at_a_namespace_root() {
    assert!(
        nsdelegate(),
        "mount cgroup2 with nsdelegate to run this test"
    );
    #[expect(unsafe_code, reason = "a namespace of this test thread")]
    // SAFETY: descriptors are not unshared.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWCGROUP) }.unwrap();
    let own = locate_detached(Process::Myself, None).unwrap().group;
    let error = apply(
        Targets {
            v2: Some(&own),
            v1: &[],
        },
        &memory(512 * MIB),
    )
    .unwrap_err();
    let LimitError::Group(refused) = &error.failures[0].error else {
        panic!("{error}")
    };
    assert_eq!(refused.meaning(), Some(Meaning::NotPermitted), "{error}");
    let evacuated = own.evacuate("init", SOON).unwrap();
    assert_eq!(evacuated.moved, 1);
    own.enable(&["memory"]).unwrap().remove(0).result.unwrap();
    set(&own.create("job").unwrap(), &memory(64 * MIB));
}

fn nsdelegate() -> bool {
    Layout::discover()
        .unwrap()
        .unified()
        .is_some_and(|m| m.has_option("nsdelegate"))
}

#[test]
#[ignore = "needs cgroup2 mounted with nsdelegate: run in the virtual machine"]
fn detached_mounts_leave_the_trees_options_alone() {
    assert!(
        nsdelegate(),
        "mount cgroup2 with nsdelegate to run this test"
    );
    let test = group();
    rerun_in(&test.group, "child_with_a_detached_mount", &[]);
    assert!(nsdelegate(), "the option is still set");
}

#[test]
#[ignore = "run in its group by detached_mounts_leave_the_trees_options_alone"]
fn child_with_a_detached_mount() {
    let clone = locate_detached(Process::Myself, None).unwrap();
    assert!(matches!(
        clone.through,
        Through::Detached(warren_sys_mount::Origin::CloneOf(_))
    ));
    #[expect(unsafe_code, reason = "a namespace of this test thread")]
    // SAFETY: descriptors are not unshared.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }.unwrap();
    // systemd's mounts are shared: without this the machine would lose them as well.
    let private = rustix::mount::MountPropagationFlags::PRIVATE;
    let recursively = rustix::mount::MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private | recursively).unwrap();
    let layout = Layout::discover().unwrap();
    for mount in layout.v2.iter().rev() {
        let detach = rustix::mount::UnmountFlags::DETACH;
        rustix::mount::unmount(&mount.mount_point, detach).unwrap();
    }
    assert_eq!(Layout::discover().unwrap().mode, Mode::Unmounted);
    let by_handle = locate_detached(Process::Myself, None).unwrap();
    assert_eq!(
        by_handle.through,
        Through::Detached(warren_sys_mount::Origin::RootByHandle)
    );
    assert_eq!(by_handle.group.id(), clone.group.id());
}
