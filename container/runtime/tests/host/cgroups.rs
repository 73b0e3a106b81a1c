//! Limits and figures of a container.

use crate::world::{Running, World, kill};
use crate::{Test, tests};
use warren_container_runtime::ContainerSpec;
use warren_container_runtime::groups::metrics;
use warren_container_runtime::spec::Limits;

pub const TESTS: &[Test] = tests![
    processes_are_in_the_groups,
    limits_are_in_force_and_read_back,
    too_much_memory_kills_and_is_told,
    too_many_processes_are_refused,
    figures_are_there,
    without_limits_there_are_none,
    a_manager_inside_does_not_keep_processes_out,
    a_manager_that_has_not_begun_yet_finds_an_empty_group,
];

fn limited(world: &World, limits: Limits) -> crate::world::Running {
    world.start(&ContainerSpec {
        limits,
        ..world.spec("limited", false)
    })
}

fn processes_are_in_the_groups() {
    let world = World::new();
    let container = world.unprivileged();
    let sleeper = container.background("sleep 1000");
    let init = container.container.init();
    let place = container.container.place().child("init");
    let group = place.open().unwrap();
    for pid in [sleeper, init] {
        let pid = pid.as_raw_nonzero().get();
        if let Some(v2) = &group.v2 {
            assert!(v2.procs().unwrap().contains(&pid));
        }
        for v1 in &group.v1 {
            assert!(v1.procs().unwrap().contains(&pid), "{:?}", v1.controllers());
        }
    }
    kill(sleeper);
}

fn limits_are_in_force_and_read_back() {
    let world = World::new();
    let container = limited(
        &world,
        Limits {
            memory: Some(64 << 20),
            swap: false,
            cpu_shares: Some(512),
            pids: Some(50),
            cpu_quota: Some(20_000),
            io_weight: None,
        },
    );
    let found = metrics::limits(container.container.groups()).unwrap();
    assert_eq!((found.memory, found.pids), (Some(64 << 20), Some(50)));
    let is_v1 = world
        .place
        .v1
        .iter()
        .any(|v1| v1.controllers.iter().any(|c| c == "cpu"));
    // What the kernel has of it is a weight on cgroup v2.
    let cpu = if is_v1 { 512 } else { 59 };
    assert_eq!(found.cpu, Some(cpu));
    let groups = container.container.groups();
    let v1 = groups.v1.iter().find(|group| group.has_controller("cpu"));
    let quota = match (v1, &groups.v2) {
        (Some(group), _) => group.read("cpu.cfs_quota_us").unwrap(),
        (None, Some(group)) => group.read("cpu.max").unwrap(),
        (None, None) => panic!("no group has the controller cpu"),
    };
    assert_eq!(quota.split_whitespace().next(), Some("20000"));
    // And programs inside find them where they look.
    let files = match is_v1 {
        true => "memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us",
        false => "memory.max pids.max cpu.max",
    };
    let seen = container.says(&format!("cd /sys/fs/cgroup && cat {files}"));
    let first = |line: &str| line.split(' ').next().unwrap().to_owned();
    let seen: Vec<String> = seen.lines().map(first).collect();
    assert_eq!(seen, ["67108864", "50", "20000"]);
}

fn too_much_memory_kills_and_is_told() {
    let world = World::new();
    let container = limited(
        &world,
        Limits {
            memory: Some(64 << 20),
            ..Limits::default()
        },
    );
    let mut watcher = container.container.watch_memory().unwrap().unwrap();
    let write = |megabytes: u32| {
        let command = format!("dd if=/dev/zero of=/dev/shm/x bs=1M count={megabytes}");
        container.sh(&command).status
    };
    assert_eq!(write(50), 0);
    assert_eq!(watcher.kills().unwrap(), 0);
    container.says("rm /dev/shm/x");
    assert_eq!(write(80), 137);
    assert!(watcher.wait(crate::world::SOON).unwrap() > 0);
}

fn too_many_processes_are_refused() {
    let world = World::new();
    let container = limited(
        &world,
        Limits {
            pids: Some(20),
            ..Limits::default()
        },
    );
    // The shell gives up at the first fork that fails.
    let output = container.sh("for n in $(seq 30); do sleep 1000 > /dev/null 2>&1 & done; wait");
    assert_ne!(output.status, 0);
    assert!(output.stderr.contains("can't fork"), "{output:?}");
    let figures = metrics::read(container.container.groups()).unwrap();
    assert!((2..=20).contains(&figures.pids), "{}", figures.pids);
}

fn figures_are_there() {
    let world = World::new();
    let container = world.unprivileged();
    let sleeper = container.background("sleep 1000");
    container.says("dd if=/dev/zero of=/dev/shm/x bs=1M count=8; n=0; while [ $n -lt 100000 ]; do n=$((n+1)); done");
    let read = || metrics::read(container.container.groups()).unwrap();
    // The kernel adds up the figures of its CPUs every now and then.
    crate::world::eventually("memory in use", || read().memory_toward_limit >= 8 << 20);
    let figures = read();
    assert!(!figures.memory.is_empty());
    assert!(figures.cpu.usage.as_nanos() > 0, "{figures:?}");
    assert_eq!(figures.pids, 2);
    kill(sleeper);
}

fn without_limits_there_are_none() {
    let world = World::new();
    let container = world.unprivileged();
    let found = metrics::limits(container.container.groups()).unwrap();
    assert_eq!((found.memory, found.pids), (None, None));
    assert!(container.container.remarks().is_empty());
}

fn a_manager_inside_does_not_keep_processes_out() {
    let world = World::new();
    let container = world.privileged();
    let hybrid = !world.place.v1.is_empty();
    let unified = if hybrid {
        "/sys/fs/cgroup/unified"
    } else {
        "/sys/fs/cgroup"
    };
    // As a manager does: everything into a leaf, controllers on. The shell goes there first.
    container.says(&format!(
        "cd {unified} && mkdir leaf && echo $$ > leaf/cgroup.procs && echo 1 > leaf/cgroup.procs; \
         for c in $(cat cgroup.controllers); do echo +$c > cgroup.subtree_control; done"
    ));
    one_goes_to_the_leaf(&container);
}

/// A manager that is about to enable controllers must find nobody else in the group.
fn a_manager_that_has_not_begun_yet_finds_an_empty_group() {
    let world = World::new();
    let container = world.privileged();
    let unified = match world.place.v1.is_empty() {
        true => "/sys/fs/cgroup",
        false => "/sys/fs/cgroup/unified",
    };
    container.says(&format!(
        "cd {unified} && mkdir leaf && echo $$ > leaf/cgroup.procs && echo 1 > leaf/cgroup.procs"
    ));
    one_goes_to_the_leaf(&container);
}

#[track_caller]
fn one_goes_to_the_leaf(container: &Running) {
    let sleeper = container.background("sleep 1000");
    let file = format!("/proc/{}/cgroup", sleeper.as_raw_nonzero());
    let groups = std::fs::read_to_string(file).unwrap();
    let line = groups.lines().find(|line| line.starts_with("0::")).unwrap();
    assert!(line.ends_with("/init/leaf"), "{line}");
    kill(sleeper);
}
