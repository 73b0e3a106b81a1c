//! What an unprivileged container is kept from.

use crate::world::{World, wait};
use crate::{Test, tests};
use warren_container_runtime::ContainerSpec;
use warren_container_runtime::host::Host;
use warren_container_runtime::spec::Bind;

pub const TESTS: &[Test] = tests![
    ids_are_mapped,
    namespaces_are_its_own,
    init_is_garden_init_and_processes_are_few,
    the_host_name_is_the_end_of_the_handle,
    mounts_are_as_they_should_be,
    masked_paths_cannot_be_read,
    devices_are_the_usual_and_open,
    other_devices_do_not_open,
    capabilities_are_gardens,
    system_calls_are_filtered,
    without_a_filter_namespaces_can_be_made,
    no_descriptor_leaks,
    the_keeper_cannot_be_looked_into,
    binds_are_read_only_or_not,
    a_bind_source_that_is_missing_is_named,
    init_dies_with_its_keeper,
];

fn ids_are_mapped() {
    let world = World::new();
    let container = world.unprivileged();
    let max = Host::discover().unwrap().max_id;
    let expected = format!("0 {max} 1 1 1 {}", max - 1);
    for file in ["uid_map", "gid_map"] {
        let map = container.says(&format!("cat /proc/self/{file}"));
        let words: Vec<&str> = map.split_ascii_whitespace().collect();
        assert_eq!(words.join(" "), expected);
    }
    assert_eq!(container.says("id"), "uid=0(root) gid=0(root)");
    assert_eq!(
        container.says("stat -c %u:%g / /bin/busybox /tmp/garden-init | head -n 2"),
        "0:0\n0:0"
    );
    assert_eq!(container.says("touch /x && stat -c %u /x"), "0");
}

fn namespaces_are_its_own() {
    let world = World::new();
    let container = world.unprivileged();
    for kind in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
        let inside = container.says(&format!("readlink /proc/self/ns/{kind}"));
        let init = container.says(&format!("readlink /proc/1/ns/{kind}"));
        let host = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        assert_ne!(inside, host.display().to_string(), "{kind}");
        assert_eq!(inside, init, "{kind}");
    }
    assert_eq!(
        container.says("cat /proc/self/cgroup | cut -d: -f3 | sort -u"),
        "/"
    );
}

fn init_is_garden_init_and_processes_are_few() {
    let world = World::new();
    let container = world.unprivileged();
    assert_eq!(container.says("cat /proc/1/comm"), "garden-init");
    assert_eq!(
        container.says("tr '\\0' ' ' < /proc/1/cmdline").trim(),
        "/tmp/garden-init"
    );
    let listed = container.says("ps -o pid,ppid,args");
    // A head line, init, and ps in place of the shell.
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let refused = container.sh("echo x >> /tmp/garden-init; rm -f /tmp/garden-init");
    assert_ne!(refused.status, 0);
}

fn the_host_name_is_the_end_of_the_handle() {
    let world = World::new();
    let handle = format!("{}-{}", "x".repeat(40), "y".repeat(40));
    let container = world.start(&world.spec(&handle, false));
    assert_eq!(container.says("hostname"), handle[handle.len() - 49..]);
    assert_ne!(
        rustix::system::uname().nodename().to_string_lossy(),
        handle[32..]
    );
}

fn mounts_are_as_they_should_be() {
    let world = World::new();
    let container = world.unprivileged();
    let mounts = container.says("cat /proc/mounts");
    let find = |point: &str| {
        let line = mounts
            .lines()
            .find(|line| line.split(' ').nth(1) == Some(point));
        let line = line.unwrap_or_else(|| panic!("{point} is not in\n{mounts}"));
        let mut words = line.split(' ').skip(2);
        let kind = words.next().unwrap().to_owned();
        (kind, words.next().unwrap().to_owned())
    };
    let expect = |point: &str, kind: &str, options: &str| {
        let (found, all) = find(point);
        assert_eq!(found, kind, "{point}");
        assert!(all.starts_with(options), "{point}: {all}");
    };
    expect("/sys", "sysfs", "ro,nosuid,nodev,noexec,relatime");
    expect("/dev", "tmpfs", "rw,nosuid");
    expect("/dev/shm", "tmpfs", "rw,nodev,relatime");
    expect("/dev/mqueue", "mqueue", "rw,nosuid,nodev,noexec,relatime");
    expect("/proc", "proc", "rw,nosuid,nodev,noexec,relatime");
    expect(
        "/sys/fs/cgroup",
        if mounts.contains(" cgroup ") {
            "tmpfs"
        } else {
            "cgroup2"
        },
        "",
    );
    let (_, devpts) = find("/dev/pts");
    assert_eq!(
        devpts,
        "rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666"
    );
    // Nothing of the host's is there.
    let host = world.directory.path().display().to_string();
    assert!(!mounts.contains(&host), "{mounts}");
    assert_eq!(container.says("stat -c %a /dev/shm"), "1777");
    assert_eq!(container.sh("touch /sys/x").status, 1);
    assert_eq!(
        container
            .sh("mkdir /sys/fs/cgroup/x /sys/fs/cgroup/unified/x")
            .status,
        1
    );
}

fn masked_paths_cannot_be_read() {
    let world = World::new();
    let container = world.unprivileged();
    for name in [
        "kcore",
        "latency_stats",
        "sched_debug",
        "timer_list",
        "timer_stats",
        "keys",
    ] {
        if std::path::Path::new("/proc").join(name).exists() {
            let device = container.says(&format!("stat -c '%F %t:%T' /proc/{name}"));
            assert_eq!(device, "character special file 1:3", "{name}");
            assert_eq!(container.says(&format!("cat /proc/{name}")), "");
        }
    }
    for path in ["/proc/scsi", "/sys/firmware"] {
        if std::path::Path::new(path).exists() {
            assert_eq!(container.says(&format!("ls -A {path}")), "", "{path}");
            assert_ne!(container.sh(&format!("touch {path}/x")).status, 0);
        }
    }
}

fn devices_are_the_usual_and_open() {
    let world = World::new();
    let container = world.unprivileged();
    let expected = [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
        ("pts/ptmx", "5:2"),
    ];
    for (name, number) in expected {
        let found = container.says(&format!("stat -c %t:%T /dev/{name}"));
        assert_eq!(found, number, "{name}");
    }
    container.says("head -c 1 /dev/zero > /dev/null && head -c 1 /dev/urandom > /dev/null");
    for (name, to) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        let link = container.says(&format!("readlink /dev/{name}"));
        assert_eq!(link, format!("/proc/self/{to}"));
    }
    let names = container.says("cd /dev && ls -A | sort | tr '\\n' ' '");
    assert_eq!(
        names.trim(),
        "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    );
}

fn other_devices_do_not_open() {
    let world = World::new();
    // What a user namespace forbids says nothing about the filter, so the test is a container that
    // may make nodes and has the same filter.
    let container = world.privileged();
    let output = container
        .sh("mknod /dev/x b 7 0 && mknod /dev/mem c 1 1 && echo made; cat /dev/x /dev/mem");
    assert_eq!(output.stdout.trim(), "made");
    assert_eq!(
        output.stderr.matches("Operation not permitted").count(),
        2,
        "{output:?}"
    );
    let unprivileged = world.unprivileged();
    assert_ne!(unprivileged.sh("mknod /dev/x c 1 3").status, 0);
}

/// The four sets of a process, as in its status.
pub fn masks(status: &str) -> [u64; 5] {
    ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_ascii_whitespace().nth(1).unwrap(), 16).unwrap()
    })
}

fn capabilities_are_gardens() {
    let world = World::new();
    let container = world.unprivileged();
    let set = 0xa804_25fb;
    let root = masks(&container.says("cat /proc/self/status"));
    assert_eq!(root, [set, set, set, set, 0]);
    let init = masks(&container.says("cat /proc/1/status"));
    assert_eq!(init, [set, set, set, set, 0]);
    let user = masks(&container.sh_as("alice", "cat /proc/self/status").stdout);
    assert_eq!(user, [set, 0, 0, set, 0]);
}

fn system_calls_are_filtered() {
    let world = World::new();
    let container = world.unprivileged();
    for status in ["/proc/self/status", "/proc/1/status"] {
        let mode = container.says(&format!("grep ^Seccomp: {status}"));
        assert_eq!(mode.split_ascii_whitespace().nth(1), Some("2"));
    }
    assert_eq!(
        container.says("grep NoNewPrivs: /proc/self/status | cut -f2"),
        "0"
    );
    for command in [
        "unshare -U true",
        "unshare -m true",
        "mount -t tmpfs none /tmp",
        "umount /proc",
    ] {
        let output = container.sh(command);
        assert_ne!(output.status, 0, "{command}");
        let refused = ["not permitted", "are you root?"].map(|text| output.stderr.contains(text));
        assert!(refused.contains(&true), "{command}: {output:?}");
    }
}

fn without_a_filter_namespaces_can_be_made() {
    let world = World::new();
    let spec = ContainerSpec {
        seccomp: false,
        ..world.spec("open", false)
    };
    let container = world.start(&spec);
    container.says("unshare -U true");
    assert_eq!(
        container.says("grep ^Seccomp: /proc/self/status | cut -f2"),
        "0"
    );
}

fn no_descriptor_leaks() {
    let world = World::new();
    let container = world.unprivileged();
    // Held by the keeper without the flag that would close it.
    let file = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let open = container.says("ls /proc/self/fd | tr '\\n' ' '");
    assert_eq!(open.trim(), "0 1 2 3");
    let init = container.says("ls /proc/1/fd | tr '\\n' ' '");
    assert_eq!(init.trim(), "0 1 2");
    let init = container.says("for n in 0 1 2; do readlink /proc/1/fd/$n; done | sort -u");
    assert_eq!(init, "/dev/null");
}

fn the_keeper_cannot_be_looked_into() {
    let world = World::new();
    let _container = world.unprivileged();
    let dumpable = rustix::process::dumpable_behavior().unwrap();
    assert_eq!(dumpable, rustix::process::DumpableBehavior::NotDumpable);
}

fn binds_are_read_only_or_not() {
    let world = World::new();
    let max = Host::discover().unwrap().max_id;
    let bind = |name: &str, writable| {
        let source = world.directory.path().join(name);
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("file"), name).unwrap();
        std::os::unix::fs::chown(&source, Some(max), Some(max)).unwrap();
        Bind {
            source,
            destination: format!("/in/{name}").into(),
            writable,
            private: false,
        }
    };
    let file = world.directory.path().join("hosts");
    std::fs::write(&file, "127.0.0.1 localhost\n").unwrap();
    std::os::unix::fs::chown(&file, Some(max), Some(max)).unwrap();
    let spec = ContainerSpec {
        binds: vec![bind("read", false), bind("write", true)],
        hosts: Some(file.clone()),
        ..world.spec("binds", false)
    };
    let container = world.start(&spec);
    assert_eq!(
        container.says("cat /in/read/file /in/write/file"),
        "readwrite"
    );
    assert_ne!(container.sh("touch /in/read/x").status, 0);
    container.says("touch /in/write/x && echo 10.0.0.1 me >> /etc/hosts");
    assert!(world.directory.path().join("write/x").exists());
    assert!(std::fs::read_to_string(file).unwrap().ends_with("me\n"));
    assert_ne!(container.sh_as("alice", "echo x >> /etc/hosts").status, 0);
}

fn a_bind_source_that_is_missing_is_named() {
    use warren_container_runtime::bundle::build;
    use warren_container_runtime::engine::{Container, Options};
    let world = World::new();
    let spec = ContainerSpec {
        binds: vec![Bind {
            source: "/nonexistent/source".into(),
            destination: "/x".into(),
            writable: true,
            private: false,
        }],
        ..world.spec("missing", false)
    };
    let bundle = build(&spec, &Host::discover().unwrap());
    let error = Container::create(&bundle, &Options::of(&spec)).unwrap_err();
    let text = crate::world::chain(&error);
    assert!(
        text.contains("bind /nonexistent/source: No such file"),
        "{text}"
    );
    assert!(
        !world
            .place
            .v1
            .iter()
            .any(|v1| v1.path.join("missing").exists())
    );
}

fn init_dies_with_its_keeper() {
    use warren_sys_process::fork::{Fork, exit, fork};
    // Who adopts the orphans has to wait for them, or init is never quite dead.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let world = World::new();
    let spec = world.spec("orphan", false);
    let (reader, writer) = crate::world::pipe();
    let keeper = match fork().unwrap() {
        Fork::Child => {
            let container = world.start(&spec);
            let sleeper = container.background("sleep 1000");
            let text = format!("{} {}", container.container.init(), sleeper);
            rustix::io::write(&writer, text.as_bytes()).unwrap();
            std::thread::sleep(crate::world::SOON);
            exit(1)
        }
        Fork::Parent(pid) => pid,
    };
    drop(writer);
    let mut text = [0; 64];
    let length = rustix::io::read(&reader, &mut text).unwrap();
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    let paths: Vec<_> = text.split(' ').map(|pid| format!("/proc/{pid}")).collect();
    assert_eq!(paths.len(), 2);
    rustix::process::kill_process(keeper, rustix::process::Signal::KILL).unwrap();
    assert_eq!(wait(keeper), 137);
    crate::world::eventually("the death of all inside", || {
        use rustix::process::{WaitOptions, wait};
        while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
        paths
            .iter()
            .all(|path| !std::path::Path::new(path).exists())
    });
    // What it left is removed without it.
    let place = world.place.child("orphan");
    assert!(warren_container_runtime::groups::destroy(&place, crate::world::SOON).unwrap());
    assert!(!warren_container_runtime::groups::destroy(&place, crate::world::SOON).unwrap());
}
