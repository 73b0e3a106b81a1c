//! What a container is like inside: users, groups, devices, limits, binds.

use warren_garden_client::Streams;
use warren_sys_cgroup::limits::convert::weight_from_shares;
use warren_tests_conformance::garden::{Server, shell};
use warren_tests_conformance::said;
use warren_wire_garden::container::{BindMount, BindMountMode, BindMountOrigin};
use warren_wire_garden::process::ProcessSpec;

use super::{bounding, eventually, mask, privileged, server, state_of, with_each};

with_each! {
    an_unprivileged_container_is_as_it_should_be,
    a_privileged_container_has_what_the_machine_has,
    devices_that_are_not_allowed_do_not_open,
    limits_hold_and_are_read_back,
    binds_propagate_into_a_privileged_container,
    the_machines_groups_can_be_bound,
}

fn an_unprivileged_container_is_as_it_should_be(runtime: &str) {
    let server = server(runtime);
    let container = server.container();
    // It is the runtime's doing.
    assert!(state_of(&server, container.handle()).exists());
    assert_eq!(container.says("cat /proc/1/comm"), "garden-init");
    for process in ["1", "self"] {
        let status = container.says(&format!("cat /proc/{process}/status"));
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:"] {
            assert_eq!(
                mask(&status, set),
                0xa804_25fb & bounding(),
                "{process} {set}"
            );
        }
        assert!(status.contains("Seccomp:\t2"), "{process}");
        let map = container.says(&format!("tr -s ' ' </proc/{process}/uid_map"));
        assert_eq!(map.lines().count(), 2, "{process}");
        assert!(map.starts_with(" 0 4294967294 1"), "{map}");
    }
    assert_ne!(container.sh("mount -t tmpfs x /mnt").status, 0);
    assert_eq!(container.says("ls /sys/firmware"), "");
    // Of its groups it sees its own, in every hierarchy, and cannot change them.
    assert_eq!(container.says("cut -d: -f3 </proc/1/cgroup | sort -u"), "/");
    assert_eq!(
        container.says("cut -d: -f3 </proc/self/cgroup | sort -u"),
        "/"
    );
    assert_ne!(
        container
            .sh("mkdir /sys/fs/cgroup/x /sys/fs/cgroup/*/x")
            .status,
        0
    );
    let streams = "for fd in 0 1 2; do readlink /proc/1/fd/$fd; done | sort -u";
    assert_eq!(container.says(streams), "/dev/null");
    assert_eq!(container.says("ls /proc/1/fd | wc -w"), "3");
    let ran = container.sh_as("alice", "id -un; echo to stderr >&2; exit 7");
    assert_eq!((ran.status, ran.stdout.as_str()), (7, "alice\n"));
    assert_eq!(ran.stderr, "to stderr\n");
    let missing = ProcessSpec {
        path: "no-such-program".to_owned(),
        ..ProcessSpec::default()
    };
    let error = container.start(&missing, Streams::default());
    assert!(said(error.err().unwrap()).contains("executable file not found"));
}

fn a_privileged_container_has_what_the_machine_has(runtime: &str) {
    let server = server(runtime);
    let container = privileged(&server);
    for process in ["1", "self"] {
        let status = container.says(&format!("cat /proc/{process}/status"));
        let stock = 0x3f_ffff_ffff & bounding();
        assert_eq!(mask(&status, "CapEff:") & stock, stock, "{process}");
        assert!(status.contains("Seccomp:\t0"), "{process}");
    }
    assert_eq!(
        container.says("mount -t tmpfs x /mnt && echo mounted"),
        "mounted"
    );
    let groups = "cut -d: -f3 </proc/1/cgroup | sort -u";
    assert_eq!(container.says(groups), "/");
    // It may make groups of its own, and cgroup v2 is among them.
    let made = "cd /sys/fs/cgroup; [ -d unified ] && cd unified; mkdir own && rmdir own && \
                stat -f -c %t . && echo made";
    assert_eq!(container.says(made), "63677270\nmade");
}

fn devices_that_are_not_allowed_do_not_open(runtime: &str) {
    let server = server(runtime);
    let container = privileged(&server);
    // The node can be made, and the machine has the device: /dev/kmsg, and a loop device.
    for (node, kind, number) in [("kmsg", "c", "1 11"), ("loop", "b", "7 0")] {
        let script = format!("mknod /{node} {kind} {number} && exec 3<>/{node}");
        let ran = container.sh(&script);
        assert!(
            ran.stderr.contains("Operation not permitted"),
            "{node}: {ran:?}"
        );
    }
    assert_eq!(container.says("head -c 4 /dev/zero | wc -c"), "4");
    assert_eq!(container.says("echo x >/dev/null; cat /dev/null"), "");
    // Lent to the runtime for its work, and taken back.
    let ran = container.sh("mknod /console c 5 1 && exec 3<>/console");
    assert!(ran.stderr.contains("Operation not permitted"), "{ran:?}");
    // One that is asked for opens.
    let allowing = Server::builder()
        .arguments(&["--runtime", runtime, "--device-cgroup-rule", "c 1:11 rwm"])
        .start();
    let container = privileged(&allowing);
    assert_eq!(
        container.says("mknod /kmsg c 1 11 && exec 3</kmsg && echo open"),
        "open"
    );
}

fn limits_hold_and_are_read_back(runtime: &str) {
    const MIB: u64 = 1 << 20;
    let server = server(runtime);
    let mut spec = server.spec("");
    // Less than a runtime needs for itself.
    spec.limits.memory.limit_in_bytes = 8 * MIB;
    spec.limits.pid.max = 5;
    spec.limits.cpu.limit_in_shares = 512;
    let container = server.create(&spec);
    let client = server.client();
    let memory = client.memory_limits(container.handle()).unwrap();
    assert_eq!(memory.limit_in_bytes, 8 * MIB);
    let shares = client.cpu_limits(container.handle()).unwrap();
    // Or the weight that they became.
    let expected = [512, weight_from_shares(512)];
    assert!(expected.contains(&shares.limit_in_shares), "{shares:?}");
    let text = server.group_file(container.handle(), "cpu.shares", "cpu.weight");
    assert_eq!(text.trim(), shares.limit_in_shares.to_string());
    assert_eq!(client.metrics(container.handle()).unwrap().pid_stat.max, 5);
    assert_ne!(
        container
            .sh("head -c 60000000 /dev/zero | tail >/dev/null")
            .status,
        0
    );
    // More than one, if the first takes its time to die.
    eventually("oom", || {
        let events = client.info(container.handle()).unwrap().events;
        !events.is_empty() && events.iter().all(|event| event == "oom")
    });
    let bomb = "i=0; while [ $i -lt 9 ]; do sleep 1 & i=$((i+1)); done; wait";
    assert!(container.run(&shell("root", bomb)).stderr.contains("fork"));
    // Those that ended count until they are waited for.
    eventually("room for another", || {
        container.sh("echo alive").stdout == "alive\n"
    });
}

fn binds_propagate_into_a_privileged_container(runtime: &str) {
    let server = server(runtime);
    let shared = server.directory().join("shared");
    std::fs::create_dir(&shared).unwrap();
    let shared = shared.display().to_string();
    let beside = |script: &str| {
        let argv = ["nsenter", "-t", server.pid(), "-m", "sh", "-c", script];
        server.actor().run(&argv).success();
    };
    beside(&format!(
        "mount -t tmpfs x {shared} && mount --make-shared {shared}"
    ));
    let mut spec = server.spec("");
    spec.privileged = true;
    spec.bind_mounts = vec![BindMount {
        src_path: shared.clone(),
        dst_path: "/shared".to_owned(),
        mode: BindMountMode::READ_WRITE,
        origin: BindMountOrigin::HOST,
    }];
    let container = server.create(&spec);
    // As the CPI attaches a disk, after the container was made.
    beside(&format!(
        "mkdir {shared}/disk && mount -t tmpfs x {shared}/disk && echo on it >{shared}/disk/f"
    ));
    assert_eq!(container.says("cat /shared/disk/f"), "on it");
    drop(container);
    beside(&format!("umount {shared}/disk {shared}"));
}

/// As the stock CPI wants it: what the runtime is shown instead must not be seen.
fn the_machines_groups_can_be_bound(runtime: &str) {
    // Groups of other tests come and go.
    const LIST: &str = "ls /sys/fs/cgroup /sys/fs/cgroup/*/cgroup.procs | grep -v /warren-test- | grep -v ^warren-test-";
    let server = server(runtime);
    let mut spec = server.spec("");
    spec.privileged = true;
    spec.bind_mounts = vec![BindMount {
        src_path: "/sys/fs/cgroup".to_owned(),
        dst_path: "/sys/fs/cgroup".to_owned(),
        mode: BindMountMode::READ_WRITE,
        origin: BindMountOrigin::HOST,
    }];
    let container = server.create(&spec);
    let machine = server.actor().run(&["busybox", "sh", "-c", LIST]);
    assert_eq!(container.sh(LIST).stdout, machine.stdout);
    // The paths in /proc fit what is seen, in v1 and in v2.
    let places = "while IFS=: read -r number names path; do \
        for at in ${names#name=} unified .; do \
        if [ -e /sys/fs/cgroup/$at$path/cgroup.procs ]; then echo found; continue 2; fi; \
        done; echo $number:$names:$path; done </proc/self/cgroup | sort -u";
    assert_eq!(container.says(places), "found");
}
