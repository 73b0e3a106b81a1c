//! What a container may not do.

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Ran, Server};
use warren_tests_conformance::said;
use warren_wire_garden::process::ProcessSpec;

use crate::pea::pea;

/// A line of `/proc/self/status` of a process of that user.
fn mask(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap()
}

/// What this machine has to give.
fn bounding() -> u64 {
    mask(
        &std::fs::read_to_string("/proc/self/status").unwrap(),
        "CapBnd:",
    )
}

#[test]
fn capabilities_are_those_of_the_stock_server_as_far_as_the_machine_has_them() {
    let server = Server::new();
    let container = server.container();
    let (root, user) = (
        container.says("cat /proc/self/status"),
        container.sh_as("alice", "cat /proc/self/status").stdout,
    );
    let all = 0xa804_25fb & bounding();
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:"] {
        assert_eq!(mask(&root, set), all, "{set}");
    }
    assert_eq!(mask(&root, "CapAmb:"), 0);
    assert_eq!((mask(&user, "CapInh:"), mask(&user, "CapBnd:")), (all, all));
    assert_eq!((mask(&user, "CapPrm:"), mask(&user, "CapEff:")), (0, 0));

    let mut spec = server.spec("");
    spec.privileged = true;
    let privileged = server.create(&spec);
    let user = privileged.sh_as("alice", "cat /proc/self/status").stdout;
    let with_admin = 0xa824_25fb & bounding();
    assert_eq!(
        (mask(&user, "CapInh:"), mask(&user, "CapBnd:")),
        (with_admin, with_admin)
    );
    assert_eq!((mask(&user, "CapPrm:"), mask(&user, "CapEff:")), (0, 0));
    let root = privileged.says("cat /proc/self/status");
    let stock = 0x3f_ffff_ffff & bounding();
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:"] {
        assert_eq!(mask(&root, set), stock, "{set}");
    }
    assert_eq!(mask(&root, "CapAmb:"), 0);
}

#[test]
fn a_privileged_container_may_change_the_kernels_files_of_processes_and_not_of_devices() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.privileged = true;
    let container = server.create(&spec);
    let mounted = |at: &str| container.says(&format!("grep ' {at} ' /proc/mounts"));
    let (proc, sys) = (mounted("/proc"), mounted("/sys"));
    assert!(proc.starts_with("proc /proc proc rw,"), "{proc}");
    assert!(sys.starts_with("sysfs /sys sysfs ro,"), "{sys}");
    // And really: a parameter of its own network.
    container.says("echo 9 >/proc/sys/net/ipv4/tcp_retries2");
    assert_eq!(container.says("cat /proc/sys/net/ipv4/tcp_retries2"), "9");
    assert_ne!(container.sh("echo 1 >/sys/class/net/lo/mtu").status, 0);
}

#[test]
fn system_calls_are_filtered_unless_privileged() {
    let server = Server::new();
    let container = server.container();
    assert!(
        container
            .says("cat /proc/self/status")
            .contains("Seccomp:\t2")
    );
    for refused in [
        "unshare -U true",
        "unshare -m true",
        "mount -t tmpfs x /mnt",
    ] {
        for user in ["root", "alice"] {
            let ran = container.sh_as(user, refused);
            assert_refused(&ran);
        }
    }
    assert_refused(&container.run(&pea(&server, "unshare -U true")));
    let map = container.says("cat /proc/self/uid_map | tr -s ' ' | sed 's/^ //'");
    let lines: Vec<&str> = map.lines().collect();
    assert_eq!(lines, ["0 4294967294 1", "1 1 4294967293"]);
    let mut spec = server.spec("");
    spec.privileged = true;
    let privileged = server.create(&spec);
    assert!(
        privileged
            .says("cat /proc/self/status")
            .contains("Seccomp:\t0")
    );
    assert_eq!(
        privileged.says("mount -t tmpfs x /mnt && echo mounted"),
        "mounted"
    );
}

/// By the kernel, as what is forbidden; some programs have another word for it.
#[track_caller]
fn assert_refused(ran: &Ran) {
    let told = ran.stderr.to_lowercase();
    let words = ["operation not permitted", "permission denied"];
    let is_told = words.iter().any(|word| told.contains(word));
    assert!(ran.status != 0 && is_told, "{ran:?}");
}

#[test]
fn what_is_masked_reads_empty() {
    let server = Server::new();
    let container = server.container();
    for path in [
        "kcore",
        "sched_debug",
        "timer_list",
        "keys",
        "timer_stats",
        "latency_stats",
    ] {
        let script = format!("[ ! -e /proc/{path} ] || stat -L -c '%t %T' /proc/{path}");
        let seen = container.says(&script);
        assert!(seen.is_empty() || seen == "1 3", "{path}: {seen}");
    }
    for path in ["/proc/scsi", "/sys/firmware"] {
        assert_eq!(
            container.says(&format!("[ ! -e {path} ] || ls {path}")),
            "",
            "{path}"
        );
    }
}

#[test]
fn files_of_the_image_keep_owners_and_modes() {
    let server = Server::new();
    for privileged in [false, true] {
        let mut spec = server.spec("");
        spec.privileged = privileged;
        let container = server.create(&spec);
        assert_eq!(container.says("stat -c '%U %a' /home/alice"), "alice 700");
        assert_eq!(container.says("stat -c '%u %a' /bin/su-exec"), "0 4755");
        assert_ne!(container.sh_as("alice", "cat /etc/secret").status, 0);
        assert_eq!(container.says("cat /etc/secret"), "secret");
    }
}

#[test]
fn privileged_containers_can_be_forbidden() {
    let server = Server::builder()
        .arguments(&["--disable-privileged-containers"])
        .start();
    let mut spec = server.spec("");
    spec.privileged = true;
    let error = server.client().create(&spec).map_err(said).unwrap_err();
    assert!(
        error.contains("privileged container creation is disabled"),
        "{error}"
    );
}

/// Values of the environment, of properties and of arguments are the callers' secrets, whatever goes wrong.
#[test]
fn values_of_callers_are_not_logged() {
    let server = Server::builder()
        .arguments(&["--log-level", "debug"])
        .start();
    let client = server.client();
    let mut spec = server.spec("discreet");
    spec.env = vec!["TOKEN=hidden-in-env".to_owned()];
    let property = ("token".to_owned(), "hidden-in-property".to_owned());
    spec.properties = [property].into_iter().collect();
    let container = server.create(&spec);
    assert!(client.create(&spec).is_err(), "twice");
    client
        .set_property("discreet", "later", "hidden-in-a-later-one")
        .unwrap();
    for (path, status) in [("true", Some(0)), ("false", Some(1)), ("no-such", None)] {
        let process = ProcessSpec {
            path: path.to_owned(),
            args: vec!["hidden-in-an-argument".to_owned()],
            env: vec!["TOKEN=hidden-in-a-process".to_owned()],
            ..ProcessSpec::default()
        };
        let started = container.start(&process, Streams::default());
        assert_eq!(started.ok().map(|process| process.wait().unwrap()), status);
    }
    drop(container);
    let log = server.log();
    assert!(log.contains("discreet"), "{log}");
    assert!(!log.contains("hidden-"), "{log}");
}
