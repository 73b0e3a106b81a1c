//! Flags of the stock server that change nothing, or not here, are told of.

use warren_tests_conformance::garden::Server;

/// Some of each kind, with values as stock configuration files have them.
const FLAGS: [(&str, &str); 14] = [
    ("--console-sockets-path", "/tmp"),
    ("--gid-map-length", "65536"),
    ("--gid-map-start", "1"),
    ("--image-plugin", "/bin/true"),
    ("--network-plugin", "/bin/true"),
    ("--privileged-image-plugin", "/bin/true"),
    ("--runtime-plugin", "runc"),
    ("--tcp-keepalive-interval", "10"),
    ("--tcp-keepalive-probes", "5"),
    ("--tcp-keepalive-time", "120"),
    ("--tcp-retries1", "3"),
    ("--tcp-retries2", "8"),
    ("--uid-map-length", "65536"),
    ("--uid-map-start", "1"),
];

#[test]
fn a_line_names_each_flag_that_changes_nothing_and_why() {
    let given: Vec<&str> = FLAGS
        .iter()
        .flat_map(|(flag, value)| [*flag, *value])
        .collect();
    let server = Server::builder().arguments(&given).start();
    let log = server.log();
    for (flag, _) in FLAGS {
        let flag = flag.trim_start_matches("--");
        let mut lines = log.lines().filter(|line| line.contains("changes nothing"));
        let named = |line: &&str| {
            let mut words = line.split(['=', ' ', '"', ',', ':']);
            words.any(|word| word == flag) && line.contains("because")
        };
        assert_eq!(lines.by_ref().filter(named).count(), 1, "{flag}:\n{log}");
    }
    let quiet = Server::new();
    assert!(!quiet.log().contains("changes nothing"), "{}", quiet.log());
}

#[test]
fn an_apparmor_profile_that_cannot_be_had_is_named() {
    let profile = "warren-test-no-such-profile";
    let server = Server::builder()
        .arguments(&["--apparmor", profile])
        .start();
    let log = server.log();
    assert!(log.contains("AppArmor") && log.contains(profile), "{log}");
    let made = server.client().create(&server.spec(""));
    // Without AppArmor the label cannot be read.
    if std::fs::read("/proc/self/attr/apparmor/current").is_ok() {
        let text = format!("{:?}", made.unwrap_err());
        assert!(
            text.contains("not loaded") && text.contains(profile),
            "{text}"
        );
    } else {
        assert!(log.contains("the kernel has no AppArmor"), "{log}");
        made.unwrap();
    }
    // No privileged container has one.
    let mut privileged = server.spec("");
    privileged.privileged = true;
    server.create(&privileged);
}
