//! What a privileged container may do: all that a Garden inside it needs.

use crate::isolation::masks;
use crate::world::{World, chain};
use crate::{Test, tests};
use rustix::thread::CapabilitySet;
use warren_container_runtime::ContainerSpec;
use warren_container_runtime::spec::Bind;

pub const TESTS: &[Test] = tests![
    capabilities_are_all_that_we_have,
    ids_are_the_hosts,
    proc_is_writable_and_sys_is_not,
    it_has_groups_of_its_own_to_manage,
    the_hosts_groups_are_bound_if_asked_for,
    fuse_and_tun_open_if_they_do_here,
    extra_devices_are_allowed,
    a_mount_on_the_host_appears_inside,
    a_mount_inside_appears_on_the_host_only_below_a_shared_bind,
    a_mounted_file_can_be_unmounted,
    a_container_runs_inside_a_container,
];

fn capabilities_are_all_that_we_have() {
    let world = World::new();
    let container = world.privileged();
    let ours = warren_sys_process::capabilities::bounding().unwrap();
    let set = (CapabilitySet::from_bits_retain(0x3f_ffff_ffff) & ours).bits();
    let root = masks(&container.says("cat /proc/self/status"));
    assert_eq!(root, [set, set, set, set, 0]);
    assert_eq!(masks(&container.says("cat /proc/1/status")), root);
    let user = masks(&container.sh_as("1000:1000", "cat /proc/self/status").stdout);
    let set = (CapabilitySet::from_bits_retain(0xa824_25fb) & ours).bits();
    assert_eq!(user, [set, 0, 0, set, 0]);
    assert_eq!(
        container.says("grep ^Seccomp: /proc/self/status | cut -f2"),
        "0"
    );
}

fn ids_are_the_hosts() {
    let world = World::new();
    let container = world.privileged();
    let own = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    assert_eq!(container.says("cat /proc/self/uid_map"), own.trim_end());
    let user = std::fs::read_link("/proc/self/ns/user").unwrap();
    assert_eq!(
        container.says("readlink /proc/self/ns/user"),
        user.display().to_string()
    );
}

fn proc_is_writable_and_sys_is_not() {
    let world = World::new();
    let container = world.privileged();
    container
        .says("cat /proc/sys/kernel/hostname > /tmp/h && cat /tmp/h > /proc/sys/kernel/hostname");
    assert_ne!(
        container.sh("mkdir /sys/kernel/x || touch /sys/x").status,
        0
    );
    assert!(
        container
            .says("grep ' /sys ' /proc/mounts")
            .contains(" ro,")
    );
    // Nothing is masked.
    assert_eq!(container.sh("grep kcore /proc/mounts").status, 1);
}

fn it_has_groups_of_its_own_to_manage() {
    let world = World::new();
    let container = world.privileged();
    let hybrid = !world.place.v1.is_empty();
    let unified = if hybrid {
        "/sys/fs/cgroup/unified"
    } else {
        "/sys/fs/cgroup"
    };
    let line = container.says(&format!("grep ' {unified} ' /proc/self/mountinfo"));
    assert_eq!(
        line.split(' ').nth(3),
        Some("/"),
        "the root of the mount is the namespace's"
    );
    container.says(&format!(
        "cd {unified} && mkdir below && sh -c 'echo $$ > below/cgroup.procs && cat /proc/self/cgroup' > /tmp/seen"
    ));
    assert!(container.says("grep ^0:: /tmp/seen").ends_with("/below"));
    container.says(&format!("rmdir {unified}/below"));
    for place in &world.place.v1 {
        let name = place.controllers.join(",").replace("name=", "");
        let directory = format!("/sys/fs/cgroup/{name}");
        container.says(&format!(
            "mkdir {directory}/below && rmdir {directory}/below"
        ));
        // It is the container's own group and no other.
        let procs = container.says(&format!("cat {directory}/cgroup.procs"));
        assert!(procs.lines().any(|pid| pid == "1"), "{directory}: {procs}");
        assert!(!procs.lines().any(|pid| pid == "0"), "{directory}: {procs}");
    }
}

fn the_hosts_groups_are_bound_if_asked_for() {
    let world = World::new();
    let spec = ContainerSpec {
        binds: vec![Bind {
            source: "/sys/fs/cgroup".into(),
            destination: "/sys/fs/cgroup".into(),
            writable: true,
            private: false,
        }],
        ..world.spec("bound", true)
    };
    let container = world.start(&spec);
    let own = std::fs::read_link("/proc/self/ns/cgroup").unwrap();
    assert_eq!(
        container.says("readlink /proc/self/ns/cgroup"),
        own.display().to_string()
    );
    let mounts = container.says("grep ' /sys/fs/cgroup' /proc/mounts | cut -d' ' -f2,3");
    let all = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let all: Vec<String> = all
        .lines()
        .map(|line| {
            line.split(' ')
                .skip(1)
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .filter(|line| line.starts_with("/sys/fs/cgroup"))
        .collect();
    assert_eq!(mounts.lines().collect::<Vec<_>>(), all);
    let path = container.says("grep ^0:: /proc/self/cgroup | cut -d: -f3");
    assert_eq!(Some(path), world.place.child("bound").child("init").v2);
}

fn fuse_and_tun_open_if_they_do_here() {
    let world = World::new();
    let container = world.privileged();
    let usable = warren_container_runtime::host::Host::discover()
        .unwrap()
        .devices;
    for name in ["fuse", "net/tun"] {
        let is_usable = usable.iter().any(|(known, _)| *known == name);
        let exists = container.sh(&format!("test -c /dev/{name}")).status == 0;
        assert_eq!(exists, is_usable, "{name}");
        if exists {
            let output = container.sh(&format!("exec 3<>/dev/{name}"));
            assert!(
                !output.stderr.contains("not permitted"),
                "{name}: {output:?}"
            );
        }
    }
}

fn extra_devices_are_allowed() {
    use warren_sys_devicefilter::DeviceRule;
    let world = World::new();
    let spec = ContainerSpec {
        devices: vec![DeviceRule::parse_v1(true, "c 1:11 rwm").unwrap()],
        ..world.spec("extra", true)
    };
    let container = world.start(&spec);
    container.says("mknod /dev/kmsg c 1 11 && exec 3>/dev/kmsg");
    let usual = world.privileged();
    let output = usual.sh("mknod /dev/kmsg c 1 11 && exec 3>/dev/kmsg");
    assert!(output.stderr.contains("not permitted"), "{output:?}");
}

/// A directory that is a shared mount, and a container in which it is bound.
fn with_shared_bind(work: impl FnOnce(&crate::world::Running, &std::path::Path)) {
    use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};
    // The machine's own mounts are none of a test's business.
    warren_sys_process::namespaces::unshare(&[warren_sys_process::namespaces::Kind::Mount])
        .unwrap();
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).unwrap();
    let world = World::new();
    let shared = world.directory.path().join("shared");
    std::fs::create_dir_all(shared.join("below")).unwrap();
    mount_bind(&shared, &shared).unwrap();
    mount_change(&shared, MountPropagationFlags::SHARED).unwrap();
    let spec = ContainerSpec {
        binds: vec![Bind {
            source: shared.clone(),
            destination: "/shared".into(),
            writable: true,
            private: false,
        }],
        ..world.spec("shared", true)
    };
    let container = world.start(&spec);
    work(&container, &shared);
    drop(container);
    unmount(&shared, UnmountFlags::DETACH).unwrap();
}

fn a_mount_on_the_host_appears_inside() {
    use rustix::mount::{MountFlags, mount};
    with_shared_bind(|container, shared| {
        let below = shared.join("below");
        mount(
            "tmpfs",
            &below,
            "tmpfs",
            MountFlags::empty(),
            None::<&std::ffi::CStr>,
        )
        .unwrap();
        std::fs::write(below.join("disk"), "later").unwrap();
        assert_eq!(container.says("cat /shared/below/disk"), "later");
    });
}

fn a_mount_inside_appears_on_the_host_only_below_a_shared_bind() {
    with_shared_bind(|container, shared| {
        container.says("mount -t tmpfs none /shared/below && echo inside > /shared/below/file");
        let seen = std::fs::read_to_string(shared.join("below/file")).unwrap();
        assert_eq!(seen, "inside\n");
        let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        container.says("mount -t tmpfs none /root");
        assert_eq!(
            std::fs::read_to_string("/proc/self/mountinfo").unwrap(),
            before
        );
    });
}

fn a_mounted_file_can_be_unmounted() {
    let world = World::new();
    let file = world.directory.path().join("hosts");
    std::fs::write(&file, "mounted\n").unwrap();
    let spec = ContainerSpec {
        hosts: Some(file),
        ..world.spec("files", true)
    };
    let container = world.start(&spec);
    assert_eq!(container.says("cat /etc/hosts"), "mounted");
    assert_eq!(container.says("umount /etc/hosts && cat /etc/hosts"), "");
}

fn a_container_runs_inside_a_container() {
    let world = World::new();
    let root = world.rootfs(0);
    // This executable, as the keeper of the inner container.
    let ours = std::env::current_exe().unwrap();
    warren_tests_harness::copy_executable(&ours, &root.join("bin/keeper"));
    let spec = ContainerSpec {
        binds: vec![Bind {
            source: root.clone(),
            destination: "/rootfs".into(),
            writable: true,
            private: false,
        }],
        ..world.spec("outer", true)
    };
    let container = world.start(&spec);
    for kind in ["privileged", "unprivileged"] {
        let output = container.sh(&format!("keeper inner {kind}"));
        assert_eq!(output.status, 0, "{kind}: {output:?}");
        assert!(output.stdout.contains("pid 1 is garden-init"), "{output:?}");
    }
}

/// The inner keeper: makes a container out of `/rootfs` and lets it speak.
pub fn inner(privileged: bool) {
    use warren_container_runtime::engine::{Container, Options};
    use warren_container_runtime::groups::{Place, destroy};
    use warren_container_runtime::host::Host;
    // Its own group has processes, so the new one cannot be there on a host of v2 alone.
    let own = Place::own().unwrap();
    if let Some(v2) = own.open().unwrap().v2 {
        v2.evacuate("manager", crate::world::SOON).unwrap();
    }
    let init = std::env::current_exe().unwrap();
    let spec = ContainerSpec {
        privileged,
        ..ContainerSpec::new("inner", "/rootfs".into(), init, own)
    };
    let bundle = warren_container_runtime::bundle::build(&spec, &Host::discover().unwrap());
    let mut container = match Container::create(&bundle, &Options::of(&spec)) {
        Ok(container) => container,
        Err(error) => panic!("{}", chain(&error)),
    };
    container
        .start()
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
    let running = crate::world::Running { container };
    println!("pid 1 is {}", running.says("cat /proc/1/comm"));
    running.says("head -c 1 /dev/zero > /dev/null");
    let filtered = running.sh("cat /proc/self/status | grep ^Seccomp:").stdout;
    assert_eq!(filtered.trim().ends_with('2'), !privileged);
    let place = running.container.place().clone();
    drop(running);
    assert!(!destroy(&place, crate::world::SOON).unwrap());
}
