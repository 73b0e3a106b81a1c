//! What a container may reach where it may not reach everything: each protocol, one rule by one and
//! several at once.

use std::io::Write;
use std::net::TcpListener;

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

fn ping(container: &Container) -> bool {
    container.sh("ping -c 1 -W 20 192.0.2.2").status == 0
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
    assert!(!ping(&container));
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
    let open = || (udp(&container), ping(&container), tcp(&container, 53));
    assert_eq!(open(), (false, false, false));
    let names = rule(r#"{"protocol":2,"ports":[{"start":50,"end":60}]}"#);
    client.net_out(container.handle(), &names).unwrap();
    assert_eq!(open(), (true, false, false));
    // Another kind of message than that of a question.
    let other = rule(r#"{"protocol":3,"icmps":{"type":13}}"#);
    client.net_out(container.handle(), &other).unwrap();
    assert_eq!(open(), (true, false, false));
    let echo = rule(r#"{"protocol":3,"icmps":{"type":8,"code":0}}"#);
    client.net_out(container.handle(), &echo).unwrap();
    assert_eq!(open(), (true, true, false));
}

#[test]
fn everything_to_one_address() {
    let server = closed();
    name_server(&server);
    welcome(&server, &[7000]);
    let container = server.container();
    let open = || (udp(&container), ping(&container), tcp(&container, 7000));
    let client = server.client();
    let elsewhere = rule(r#"{"networks":[{"start":"192.0.2.3","end":"192.0.2.255"}]}"#);
    client.net_out(container.handle(), &elsewhere).unwrap();
    assert_eq!(open(), (false, false, false));
    let all = rule(r#"{"protocol":0,"networks":[{"start":"192.0.2.2"}]}"#);
    client.net_out(container.handle(), &all).unwrap();
    assert_eq!(open(), (true, true, true));
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
    assert!(!tcp(&container, 7000) && !ping(&container));
    client.bulk_net_out(container.handle(), &both).unwrap();
    assert!(tcp(&container, 7000) && ping(&container));
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

#[test]
fn what_is_to_be_logged_is_by_the_kernel_with_the_handle() {
    let server = closed();
    let container = server.create(&server.spec("a-container-that-is-watched-closely"));
    let rule = rule(
        r#"{"protocol":1,"networks":[{"start":"192.0.2.2"}],"ports":[{"start":7000}],"log":true}"#,
    );
    let rules = || {
        server
            .net()
            .run(&["nft", "list", "ruleset"])
            .success()
            .stdout
    };
    assert!(!rules().contains("log prefix"));
    server.client().net_out(container.handle(), &rule).unwrap();
    let rules = rules();
    let mut lines = rules.lines().filter(|line| line.contains("log prefix"));
    let line = lines.next().unwrap();
    assert!(
        line.contains("\"a-container-that-is-watched") && line.contains("dport 7000"),
        "{line}"
    );
}
