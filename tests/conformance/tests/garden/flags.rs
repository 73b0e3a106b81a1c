//! Flags: what they change, and that those are told of that change nothing, or not here.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use warren_tests_conformance::garden::Server;
use warren_tests_conformance::said;
use warren_tests_harness::Background;

use crate::grace::wait_gone;
use crate::image::{archive, layout};

/// Some of each kind, with values as stock configuration files have them.
const FLAGS: [(&str, &str); 9] = [
    ("--console-sockets-path", "/tmp"),
    ("--gid-map-length", "65536"),
    ("--gid-map-start", "1"),
    ("--image-plugin", "/bin/true"),
    ("--network-plugin", "/bin/true"),
    ("--privileged-image-plugin", "/bin/true"),
    ("--runtime-plugin", "runc"),
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

fn with(arguments: &[&str]) -> Server {
    Server::builder().arguments(arguments).start()
}

#[test]
fn packets_are_as_long_as_they_may_be() {
    let server = with(&["--mtu", "1400"]);
    let container = server.container();
    let mtu = container.says("cat /sys/class/net/w*-1/mtu");
    assert_eq!(mtu, "1400");
    assert_eq!(
        server
            .client()
            .property(container.handle(), "kawasaki.mtu")
            .unwrap(),
        "1400"
    );
}

#[test]
fn ports_come_from_the_pool_and_go_back_to_it() {
    let server = with(&["--port-pool-start", "40000", "--port-pool-size", "2"]);
    let client = server.client();
    let container = server.container();
    let take = || {
        client
            .net_in(container.handle(), 0, 80)
            .map(|made| made.host_port)
    };
    assert_eq!([take().unwrap(), take().unwrap()], [40000, 40001]);
    let error = take().map_err(said).unwrap_err();
    assert!(error.contains("port pool is exhausted"), "{error}");
    drop(container);
    let other = server.container();
    let made = client.net_in(other.handle(), 0, 80).unwrap();
    assert!((40000..=40001).contains(&made.host_port));
}

#[test]
fn addresses_come_from_the_pool() {
    let server = with(&["--network-pool", "10.100.5.0/29"]);
    let address = |handle: &str| server.client().info(handle).unwrap().container_ip;
    let containers = [server.container(), server.container()];
    let all = containers.each_ref().map(|one| address(one.handle()));
    assert_eq!(all, ["10.100.5.2", "10.100.5.6"]);
    let error = server.client().create(&server.spec("third"));
    let error = error.map_err(said).unwrap_err();
    assert!(error.contains("10.100.5.0/29"), "{error}");
    assert_eq!(server.client().capacity().unwrap().max_containers, 2);
}

#[test]
fn hosts_and_name_servers_are_added() {
    let server = with(&[
        "--additional-host-entry",
        "10.9.8.7 one.example",
        "--additional-host-entry",
        "10.9.8.6 two.example",
        "--additional-dns-server",
        "10.9.8.5",
    ]);
    let container = server.container();
    let hosts = container.says("cat /etc/hosts");
    assert!(
        hosts.ends_with("10.9.8.7 one.example\n10.9.8.6 two.example"),
        "{hosts}"
    );
    assert_eq!(
        container.says("cat /etc/resolv.conf"),
        "nameserver 192.0.2.2\nnameserver 10.9.8.5"
    );
}

#[test]
fn who_names_no_grace_time_has_the_servers() {
    let server = with(&["--default-grace-time", "200ms"]);
    let mut spec = server.spec("short");
    let _short = server.create(&spec);
    spec.handle = "long".to_owned();
    spec.grace_time = Duration::from_secs(1000).into();
    let long = server.create(&spec);
    wait_gone(&server, "short");
    assert_eq!(long.says("echo here"), "here");
    let property = server.client().property("long", "garden.grace-time");
    assert_eq!(property.unwrap(), "1000000000000");
}

#[test]
fn swap_is_limited_unless_it_is_said_not_to_be() {
    const LIMIT: u64 = 64 << 20;
    for (arguments, is_limited) in [(&[][..], true), (&["--disable-swap-limit=true"][..], false)] {
        let server = with(arguments);
        let mut spec = server.spec("");
        spec.limits.memory.limit_in_bytes = LIMIT;
        let container = server.create(&spec);
        // Memory and swap together, or swap alone.
        let files = ("memory.memsw.limit_in_bytes", "memory.swap.max");
        let text = server.group_file(container.handle(), files.0, files.1);
        let seen = match text.trim() {
            "max" => false,
            number => number.parse::<u64>().unwrap() <= LIMIT,
        };
        assert_eq!(seen, is_limited, "{text}");
    }
}

#[test]
fn the_machine_itself_is_reached_only_if_it_may_be() {
    for (arguments, may) in [(&[][..], false), (&["--allow-host-access=true"][..], true)] {
        let server = with(arguments);
        let listener = server.net().inside(|| TcpListener::bind("192.0.2.1:7000"));
        let listener = listener.unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                _ = stream.unwrap().write_all(b"welcome");
            }
        });
        let container = server.container();
        let ran = container.sh("nc -w 20 192.0.2.1 7000 </dev/null");
        assert_eq!(ran.stdout == "welcome", may, "{ran:?}");
    }
}

#[test]
fn tcp_is_set_as_it_is_said_and_else_as_on_the_machine() {
    let server = with(&["--tcp-keepalive-time", "123", "--tcp-retries2", "9"]);
    let of_machine = |name: &str| {
        let path = format!("/proc/sys/net/ipv4/{name}");
        let text = server.net().inside(|| std::fs::read_to_string(path));
        text.unwrap().trim().to_owned()
    };
    for is_privileged in [false, true] {
        let mut spec = server.spec("");
        spec.privileged = is_privileged;
        let container = server.create(&spec);
        let of = |name: &str| container.says(&format!("cat /proc/sys/net/ipv4/{name}"));
        assert_eq!(
            (of("tcp_keepalive_time"), of("tcp_retries2")),
            ("123".into(), "9".into())
        );
        for other in [
            "tcp_keepalive_intvl",
            "tcp_keepalive_probes",
            "tcp_retries1",
        ] {
            assert_eq!(of(other), of_machine(other), "{other}");
        }
    }
    assert_ne!(of_machine("tcp_keepalive_time"), "123");
}

/// A registry of the server's network that asks nobody who he is, with the image `team/app:1`.
fn registry<'a>(server: &'a Server, address: &str) -> Background<'a> {
    let at = server.directory();
    let config = format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: error}}\n\
         storage: {{filesystem: {{rootdirectory: {}/images}}}}\n\
         http: {{addr: '{address}', secret: test}}\n",
        at.display()
    );
    let path = at.join("registry.yml");
    std::fs::write(&path, config).unwrap();
    // Needs Debian's docker-registry and skopeo.
    let path = path.display().to_string();
    let process = server.actor().start(&["docker-registry", "serve", &path]);
    let layers = [
        server.rootfs.path(),
        archive(at, "app.tar", &[("app", "it is this one")]),
    ];
    let directory = at.join("layout");
    layout(&directory, &layers, &[]);
    let from = format!("oci:{}:1", directory.display());
    let to = format!("docker://{address}/team/app:1");
    let words = [
        "skopeo",
        "--insecure-policy",
        "copy",
        "--quiet",
        "--dest-tls-verify=false",
        &from,
        &to,
    ];
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        // It takes a moment to listen.
        let pushed = server.actor().run(&words);
        if pushed.code == 0 {
            return process;
        }
        assert!(std::time::Instant::now() < deadline, "{pushed:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn images_without_a_registry_come_from_the_default_one_or_its_mirror() {
    // Nobody is at the second address.
    let (there, nobody) = ("127.0.0.1:5002", "127.0.0.1:5003");
    let insecure = [
        "--insecure-docker-registry",
        there,
        "--insecure-docker-registry",
        nobody,
    ];
    for (arguments, is_found) in [
        (vec!["--docker-registry", there], true),
        (vec!["--docker-registry", nobody], false),
        (
            vec!["--docker-registry", nobody, "--registry-mirror", there],
            true,
        ),
        // One after the other, and at last the registry itself.
        (
            vec!["--docker-registry", there, "--registry-mirror", nobody],
            true,
        ),
    ] {
        let server = Server::builder()
            .arguments(&insecure)
            .arguments(&arguments)
            .start();
        let _registry = registry(&server, there);
        let mut spec = server.spec("");
        spec.image.uri = "docker:///team/app#1".to_owned();
        let made = server.client().create(&spec);
        assert_eq!(made.is_ok(), is_found, "{arguments:?}: {made:?}");
        if let Ok(handle) = made {
            let process = warren_tests_conformance::garden::shell("root", "grep -q this /app");
            let process = server.client().run(&handle, &process, Default::default());
            assert_eq!(process.unwrap().wait().unwrap(), 0);
        }
    }
}
