//! What a container looks like from inside and in its info.

use warren_tests_conformance::garden::Server;
use warren_wire_garden::container::{BindMount, BindMountMode};

#[test]
fn it_is_a_machine_of_its_own() {
    let server = Server::new();
    let handle = "a-handle-that-is-longer-than-a-host-name-may-be-0123456789";
    let container = server.create(&server.spec(handle));
    assert_eq!(container.says("hostname"), handle[handle.len() - 49..]);
    assert_eq!(
        container.says("head -1 /proc/1/status"),
        "Name:\tgarden-init"
    );
    // Its first process, the shell, and what that runs.
    assert_eq!(container.says("ps -o pid >/tmp/ps; wc -l </tmp/ps"), "4");
    let shm = container.says("grep /dev/shm /proc/mounts");
    assert!(
        shm.starts_with("tmpfs /dev/shm tmpfs rw,nodev,relatime"),
        "{shm}"
    );
    assert_eq!(container.says("stat -c %a /tmp"), "1777");
    let sys = container.says("grep ' /sys ' /proc/mounts");
    assert!(sys.starts_with("sysfs /sys sysfs ro,"), "{sys}");
    let info = server.client().info(handle).unwrap();
    assert_eq!(info.state, "active");
    assert!(!info.container_ip.is_empty() && !info.host_ip.is_empty());
    assert!(info.events.is_empty());
}

#[test]
fn devices_are_the_usual_ones_and_work() {
    let server = Server::new();
    for privileged in [false, true] {
        let mut spec = server.spec("");
        spec.privileged = privileged;
        let container = server.create(&spec);
        for (name, numbers) in [
            ("null", "1:3"),
            ("zero", "1:5"),
            ("full", "1:7"),
            ("random", "1:8"),
            ("urandom", "1:9"),
            ("tty", "5:0"),
        ] {
            assert_eq!(
                container.says(&format!("stat -c %t:%T /dev/{name}")),
                numbers,
                "{name}"
            );
        }
        assert_eq!(
            container.says("head -c 3 /dev/zero | wc -c; echo x >/dev/null"),
            "3"
        );
        for (name, target) in [
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] {
            assert_eq!(container.says(&format!("readlink /dev/{name}")), target);
        }
        let pts = container.says("grep devpts /proc/mounts");
        assert!(pts.contains("rw,nosuid,noexec,relatime,gid="), "{pts}");
        assert!(pts.contains("mode=620,ptmxmode=666"), "{pts}");
        if privileged {
            assert_eq!(container.says("stat -c %t:%T /dev/fuse"), "a:e5");
        }
    }
}

#[test]
fn binds_show_the_hosts_directories() {
    let server = Server::new();
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("file"), "from the host").unwrap();
    let bind = |mode, to: &str| BindMount {
        src_path: host.path().display().to_string(),
        dst_path: to.to_owned(),
        mode,
        ..BindMount::default()
    };
    let mut spec = server.spec("");
    spec.privileged = true;
    spec.bind_mounts = vec![
        bind(BindMountMode::READ_ONLY, "/deep/ro"),
        bind(BindMountMode::READ_WRITE, "/rw"),
    ];
    let container = server.create(&spec);
    assert_eq!(container.says("cat /deep/ro/file"), "from the host");
    assert_ne!(container.sh("touch /deep/ro/x").status, 0);
    container.says("echo back >/rw/back");
    let back = std::fs::read_to_string(host.path().join("back")).unwrap();
    assert_eq!(back, "back\n");
    let mut missing = server.spec("");
    missing.bind_mounts = vec![BindMount {
        src_path: "/no/such/directory".to_owned(),
        dst_path: "/x".to_owned(),
        ..BindMount::default()
    }];
    server.client().create(&missing).unwrap_err();
}
