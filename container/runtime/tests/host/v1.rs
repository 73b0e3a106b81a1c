//! Containers where no cgroup v2 is mounted, and where the kernel has none.

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::process::{Pid, Signal, kill_process};
use warren_container_runtime::ContainerSpec;
use warren_container_runtime::bundle;
use warren_container_runtime::engine::{Container, Options};
use warren_container_runtime::groups::metrics;
use warren_container_runtime::host::Host;
use warren_container_runtime::spec::Limits;
use warren_sys_cgroup::Layout;
use warren_sys_process::namespaces::{self, Kind};

use crate::world::{Running, SOON, World, chain, eventually};
use crate::{Test, tests};

pub const TESTS: &[Test] = tests![
    without_a_mount_of_cgroup_v2_everything_holds,
    without_cgroup_v2_everything_holds,
    without_cgroup_v2_groups_in_use_are_left_alone,
    without_cgroup_v2_what_was_left_is_removed,
];

/// From here on the process sees v1 hierarchies alone.
fn unmount_v2() {
    namespaces::unshare(&[Kind::Mount]).unwrap();
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).unwrap();
    while let Some(mount) = Layout::discover().unwrap().unified() {
        unmount(&mount.mount_point, UnmountFlags::DETACH).unwrap();
    }
}

fn limited(world: &World) -> ContainerSpec {
    ContainerSpec {
        limits: Limits {
            memory: Some(64 << 20),
            cpu_shares: Some(512),
            pids: Some(20),
            ..Limits::default()
        },
        ..world.spec("limited", false)
    }
}

fn everything_holds(world: &World, container: &Running) {
    let groups = container.container.groups();
    let found = metrics::limits(groups).unwrap();
    assert_eq!(
        (found.memory, found.cpu, found.pids),
        (Some(64 << 20), Some(512), Some(20))
    );
    let output = container.sh("for n in $(seq 30); do sleep 1000 > /dev/null 2>&1 & done; wait");
    assert!(output.stderr.contains("can't fork"), "{output:?}");
    let figures = metrics::read(groups).unwrap();
    assert!((2..=20).contains(&figures.pids), "{figures:?}");
    let pids = groups.v1.iter().find(|group| group.has_controller("pids"));
    let init = container.container.init();
    for pid in pids.unwrap().procs_below().unwrap() {
        let pid = Pid::from_raw(pid).unwrap();
        if pid != init {
            kill_process(pid, Signal::KILL).unwrap();
        }
    }
    eventually("the end of all sleepers", || {
        metrics::read(groups).unwrap().pids == 1
    });
    let mut watcher = container.container.watch_memory().unwrap().unwrap();
    let greedy = container.sh("dd if=/dev/zero of=/dev/shm/x bs=1M count=80");
    assert_eq!(greedy.status, 137);
    assert!(watcher.wait(SOON).unwrap() > 0);
    // The kernel gathers figures of its processors now and then.
    eventually("what the file takes, in the figures", || {
        metrics::read(groups).unwrap().memory_toward_limit > 32 << 20
    });
    let figures = metrics::read(groups).unwrap();
    assert!(figures.cpu.usage.as_nanos() > 0, "{figures:?}");
    // It is what the container itself is told, and that it may not change.
    let memory = "/sys/fs/cgroup/memory";
    assert_eq!(
        container.says("grep :memory: /proc/self/cgroup | cut -d : -f 3"),
        "/"
    );
    let limit = container.says(&format!("cat {memory}/memory.limit_in_bytes"));
    assert_eq!(limit, "67108864");
    assert_ne!(container.sh(&format!("mkdir {memory}/x")).status, 0);
    let v2 = container.sh("ls -d /sys/fs/cgroup/unified");
    assert_eq!(v2.status == 0, world.place.v2.is_some(), "{v2:?}");
}

fn without_a_mount_of_cgroup_v2_everything_holds() {
    unmount_v2();
    let world = World::new();
    assert!(world.place.v2.is_some(), "the kernel has it all the same");
    let container = world.start(&limited(&world));
    everything_holds(&world, &container);
}

fn without_cgroup_v2_everything_holds() {
    unmount_v2();
    let world = World::of_v1_alone();
    let container = world.start(&limited(&world));
    everything_holds(&world, &container);
    // The device filter is the list of v1, also for who may make nodes.
    let privileged = world.privileged();
    let opened = privileged.sh("mknod /dev/kmsg c 1 11 && head -c 1 /dev/kmsg");
    assert!(
        opened.stderr.contains("Operation not permitted"),
        "{opened:?}"
    );
}

fn without_cgroup_v2_groups_in_use_are_left_alone() {
    let world = World::of_v1_alone();
    let spec = world.spec("unprivileged", false);
    let container = world.start(&spec);
    let bundle = bundle::build(&spec, &Host::discover().unwrap());
    let error = Container::create(&bundle, &Options::of(&spec)).unwrap_err();
    let error = chain(&error);
    assert!(
        error.contains("the container's group unprivileged exists and is in use"),
        "{error}"
    );
    assert_eq!(container.says("echo alive"), "alive");
}

/// A removal that was cut off has left groups in some hierarchies, with the limits of the one before.
fn without_cgroup_v2_what_was_left_is_removed() {
    let world = World::of_v1_alone();
    let parent = world.place.open().unwrap();
    let memory = parent.v1.iter().find(|v1| v1.has_controller("memory"));
    let left = memory.unwrap().create_or_open("unprivileged").unwrap();
    left.write("memory.limit_in_bytes", "1048576").unwrap();
    drop((left, parent));
    let container = world.unprivileged();
    let found = metrics::limits(container.container.groups()).unwrap();
    assert_eq!(found.memory, None);
}
