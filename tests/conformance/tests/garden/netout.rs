//! What a container may reach where it may not reach everything: each protocol, one rule by one and
//! several at once.

use std::io::Write;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use warren_sys_nft::LogReader;
use warren_tests_conformance::garden::{Container, Server};
use warren_tests_conformance::said;
use warren_wire_garden::network::NetOutRule;

use crate::inside::name_server;

/// One that lets containers reach nothing around it.
fn closed() -> Server {
    Server::builder()
        .arguments(&["--deny-network", "192.0.2.0/24"])
        .start()
}

fn rule(json: &str) -> NetOutRule {
    serde_json::from_str(json).unwrap()
}

/// Has the neighbour say welcome at these ports.
fn welcome(server: &Server, ports: &[u16]) {
    for port in ports {
        let at = ("192.0.2.2", *port);
        let listener = server.neighbour().inside(|| TcpListener::bind(at)).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                _ = stream.unwrap().write_all(b"welcome");
            }
        });
    }
}

fn tcp(container: &Container, port: u16) -> bool {
    let ran = container.sh(&format!("nc -w 20 192.0.2.2 {port} </dev/null"));
    ran.status == 0 && ran.stdout == "welcome"
}

/// Whether an answer comes. One that is to come is waited for longer; in truth this same kernel gives
/// it at once.
fn ping(container: &Container, is_expected: bool) -> bool {
    let patience = if is_expected { 20 } else { 3 };
    let ran = container.sh(&format!("ping -c 1 -W {patience} 192.0.2.2"));
    ran.status == 0
}

/// Names are asked for by UDP.
fn udp(container: &Container) -> bool {
    container.sh("nslookup www.example.com 192.0.2.2").status == 0
}

#[test]
fn tcp_in_ranges_of_addresses_and_ports() {
    let server = closed();
    welcome(&server, &[7000, 7001, 7002, 7005]);
    let container = server.container();
    let ports = [7000, 7001, 7002, 7005];
    let open = || ports.map(|port| tcp(&container, port));
    assert_eq!(open(), [false; 4]);
    let rule = rule(
        r#"{"protocol":1,"networks":[{"start":"192.0.2.9"},{"start":"192.0.2.2","end":"192.0.2.4"}],
            "ports":[{"start":7000,"end":7001},{"start":7005}]}"#,
    );
    server.client().net_out(container.handle(), &rule).unwrap();
    assert_eq!(open(), [true, true, false, true]);
    assert!(!ping(&container, false));
    // It is that container's alone.
    assert!(!tcp(&server.container(), 7000));
}

#[test]
fn udp_and_icmp() {
    let server = closed();
    name_server(&server);
    welcome(&server, &[53]);
    let container = server.container();
    let client = server.client();
    let open = |icmp| (udp(&container), ping(&container, icmp), tcp(&container, 53));
    assert_eq!(open(false), (false, false, false));
    let names = rule(r#"{"protocol":2,"ports":[{"start":50,"end":60}]}"#);
    client.net_out(container.handle(), &names).unwrap();
    assert_eq!(open(false), (true, false, false));
    // Another kind of message than that of a question.
    let other = rule(r#"{"protocol":3,"icmps":{"type":13}}"#);
    client.net_out(container.handle(), &other).unwrap();
    assert_eq!(open(false), (true, false, false));
    let echo = rule(r#"{"protocol":3,"icmps":{"type":8,"code":0}}"#);
    client.net_out(container.handle(), &echo).unwrap();
    assert_eq!(open(true), (true, true, false));
}

#[test]
fn everything_to_one_address() {
    let server = closed();
    name_server(&server);
    welcome(&server, &[7000]);
    let container = server.container();
    let open = |icmp| {
        (
            udp(&container),
            ping(&container, icmp),
            tcp(&container, 7000),
        )
    };
    let client = server.client();
    let elsewhere = rule(r#"{"networks":[{"start":"192.0.2.3","end":"192.0.2.255"}]}"#);
    client.net_out(container.handle(), &elsewhere).unwrap();
    assert_eq!(open(false), (false, false, false));
    let all = rule(r#"{"protocol":0,"networks":[{"start":"192.0.2.2"}]}"#);
    client.net_out(container.handle(), &all).unwrap();
    assert_eq!(open(true), (true, true, true));
}

#[test]
fn several_at_once_or_none() {
    let server = closed();
    welcome(&server, &[7000]);
    let container = server.container();
    let client = server.client();
    let at = r#""networks":[{"start":"192.0.2.2"}]"#;
    let tcp_rule = rule(&format!(
        r#"{{"protocol":1,{at},"ports":[{{"start":7000}}]}}"#
    ));
    let icmp_rule = rule(&format!(r#"{{"protocol":3,{at}}}"#));
    let unknown = rule(&format!(r#"{{"protocol":4,{at}}}"#));
    let both = [tcp_rule, icmp_rule];
    let wrong = [both.as_slice(), &[unknown]].concat();
    let error = client.bulk_net_out(container.handle(), &wrong);
    let error = error.map_err(said).unwrap_err();
    assert!(error.contains("invalid protocol: 4"), "{error}");
    assert!(!tcp(&container, 7000) && !ping(&container, false));
    client.bulk_net_out(container.handle(), &both).unwrap();
    assert!(tcp(&container, 7000) && ping(&container, true));
}

#[test]
fn from_its_creation() {
    let mut server = closed();
    welcome(&server, &[7000, 7001]);
    let mut spec = server.spec("born");
    spec.netout_rules = vec![rule(
        r#"{"protocol":1,"networks":[{"start":"192.0.2.2"}],"ports":[{"start":7000}]}"#,
    )];
    let container = server.create(&spec);
    assert!(tcp(&container, 7000) && !tcp(&container, 7001));
    server.end("-KILL");
    server.start();
    assert!(tcp(&container, 7000) && !tcp(&container, 7001));
}

/// The lines about a container's connections in the server's log, when there are so many.
fn lines(server: &Server, handle: &str, count: usize) -> Vec<String> {
    let start = format!("garden: connection handle={handle:?} ");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let log = server.log();
        let lines = log.lines().filter_map(|line| line.strip_prefix(&start));
        let lines: Vec<String> = lines.map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "{lines:#?} of {count}\n{log}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_to_be_logged_is_a_line_in_the_log_for_each_connection() {
    let mut server = closed();
    welcome(&server, &[7000, 7001]);
    let handle = "a-container-that-is-watched-closely";
    let mut spec = server.spec(handle);
    spec.network = "10.244.9.2/24".to_owned();
    let container = server.create(&spec);
    let allow = |port: u16, log: bool| {
        let rule = rule(&format!(
            r#"{{"protocol":1,"networks":[{{"start":"192.0.2.2"}}],
                "ports":[{{"start":{port}}}],"log":{log}}}"#
        ));
        server.client().net_out(handle, &rule).unwrap();
    };
    allow(7001, false);
    allow(7000, true);
    let is_told = |line: &str| {
        let rest = line.strip_prefix(r#"protocol="tcp" from="10.244.9.2:"#);
        rest.is_some_and(|rest| {
            rest.ends_with(r#"" to="192.0.2.2:7000" in="wbrdg-0af40900" out="up0""#)
        })
    };
    // The one in the middle is nobody's business.
    assert!(tcp(&container, 7000) && tcp(&container, 7001) && tcp(&container, 7000));
    let told = lines(&server, handle, 2);
    assert!(
        told.len() == 2 && told.iter().all(|line| is_told(line)),
        "{told:#?}"
    );
    // The next server goes on with it.
    server.end("-KILL");
    server.start();
    assert!(tcp(&container, 7000));
    let told = lines(&server, handle, 3);
    assert!(
        told.len() == 3 && told.iter().all(|line| is_told(line)),
        "{told:#?}"
    );
}

#[test]
fn where_another_reads_the_group_the_kernel_logs() {
    let mut server = closed();
    server.end("-TERM");
    // Of the group that a server without a tag uses.
    let _other = server.net().inside(|| LogReader::open(0x5700)).unwrap();
    server.start();
    let log = server.log();
    assert!(
        log.contains("nf_log_all_netns") && log.contains("log group 22272"),
        "{log}"
    );
    let handle = "a-container-that-is-watched-closely";
    let container = server.create(&server.spec(handle));
    let rule = rule(
        r#"{"protocol":1,"networks":[{"start":"192.0.2.2"}],"ports":[{"start":7000}],"log":true}"#,
    );
    server.client().net_out(container.handle(), &rule).unwrap();
    let rules = server.net().run(&["nft", "list", "ruleset"]).success();
    let mut logging = rules
        .stdout
        .lines()
        .filter(|line| line.contains("log prefix"));
    let line = logging.next().unwrap();
    assert!(
        line.contains("\"a-container-that-is-watched- \"") && line.contains("dport 7000"),
        "{line}"
    );
    assert!(!line.contains(" group "), "{line}");
}
