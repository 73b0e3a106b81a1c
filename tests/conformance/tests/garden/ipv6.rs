//! A second address, if the server is told so.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Container, Server, shell};
use warren_wire_garden::network::NetOutRule;

/// The machine's, and its neighbour's.
const HERE: &str = "2001:db8::1";
const NEIGHBOUR: &str = "2001:db8::2";

/// A server on a machine that speaks IPv6 with its neighbour, to which it has its default route.
fn server(arguments: &[&str]) -> Server {
    let mut server = Server::builder()
        .arguments(&["--network-ipv6", "fd00:77:1::/96"])
        .arguments(arguments)
        .start();
    // At its start it looks for its own address.
    server.end("-TERM");
    server.net().address("up0", &format!("{HERE}/64"));
    server
        .neighbour()
        .address("down0", &format!("{NEIGHBOUR}/64"));
    let route = ["-6", "route", "add", "default", "via", NEIGHBOUR];
    server.net().ip(&route);
    server.start();
    server
}

fn ping(container: &Container, address: &str) -> bool {
    answers(container, address, true)
}

/// Whether an answer comes. One that is to come is waited for longer; in truth this same kernel gives
/// it at once.
fn answers(container: &Container, address: &str, is_expected: bool) -> bool {
    let patience = if is_expected { 20 } else { 3 };
    let ran = container.sh(&format!("ping -6 -c 1 -W {patience} {address}"));
    ran.status == 0
}

#[test]
fn a_container_has_an_address_and_reaches_others_from_behind_the_machine() {
    let server = server(&[]);
    let mut spec = server.spec("six");
    spec.network = "10.244.6.9/24".to_owned();
    let container = server.create(&spec);
    let info = server.client().info("six").unwrap();
    assert_eq!(info.container_ip, "10.244.6.9");
    assert_eq!(info.container_ipv6, "fd00:77:1::af4:609");
    let property = "garden.network.container-ipv6";
    assert_eq!(info.properties[property], info.container_ipv6);
    let hosts = container.says("cat /etc/hosts");
    assert!(hosts.contains("fd00:77:1::af4:609 six"), "{hosts}");
    assert!(hosts.contains("::1 localhost"), "{hosts}");
    assert!(
        container
            .says("ip -6 address")
            .contains("fd00:77:1::af4:609/120")
    );
    assert!(ping(&container, NEIGHBOUR) && ping(&container, "::1"));

    // The neighbour has no route to containers: it sees the machine.
    let listener = server
        .neighbour()
        .inside(|| TcpListener::bind((NEIGHBOUR, 7000)));
    let listener = listener.unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, from) = listener.accept().unwrap();
        stream.write_all(b"welcome").unwrap();
        from.ip().to_string()
    });
    let ask = format!("nc -w 20 {NEIGHBOUR} 7000 </dev/null");
    assert_eq!(container.says(&ask), "welcome");
    assert_eq!(serving.join().unwrap(), HERE);

    spec.handle = "sibling".to_owned();
    spec.network = "10.244.6.10/24".to_owned();
    let sibling = server.create(&spec);
    assert!(ping(&sibling, "fd00:77:1::af4:609"));
}

#[test]
fn mapped_ports_are_reached_by_both_protocols() {
    let server = server(&[]);
    let container = server.container();
    let mapped = server.client().net_in(container.handle(), 0, 8080).unwrap();
    let spec = shell("root", "while true; do echo hello | nc -l -p 8080; done");
    let _listening = container.start(&spec, Streams::default()).unwrap();
    for address in [HERE, "192.0.2.1"] {
        let port = u16::try_from(mapped.host_port).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = server.neighbour().inside(|| -> std::io::Result<String> {
                let mut stream = TcpStream::connect((address, port))?;
                let mut text = String::new();
                stream.read_to_string(&mut text)?;
                Ok(text)
            });
            match answer {
                Ok(text) if text == "hello\n" => break,
                other => assert!(Instant::now() < deadline, "{address}: {other:?}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn what_is_denied_is_allowed_by_a_rule_alone() {
    let server = server(&["--deny-network", "2001:db8::/32"]);
    let container = server.container();
    assert!(!answers(&container, NEIGHBOUR, false));
    let rule: NetOutRule =
        serde_json::from_str(r#"{"networks":[{"start":"2001:db8::2"}]}"#).unwrap();
    server.client().net_out(container.handle(), &rule).unwrap();
    assert!(ping(&container, NEIGHBOUR));
    // By kinds of ICMPv6 messages: another, and then that of a question.
    let container = server.container();
    for (kind, may) in [(129, false), (128, true)] {
        let rule = format!(
            r#"{{"protocol":4,"networks":[{{"start":"2001:db8::2"}}],"icmps":{{"type":{kind}}}}}"#
        );
        let rule: NetOutRule = serde_json::from_str(&rule).unwrap();
        server.client().net_out(container.handle(), &rule).unwrap();
        assert_eq!(answers(&container, NEIGHBOUR, may), may, "{kind}");
    }
}

#[test]
fn the_machine_itself_is_reached_only_if_it_may_be() {
    for (arguments, may) in [(&[][..], false), (&["--allow-host-access=true"][..], true)] {
        let server = server(arguments);
        let listener = server.net().inside(|| TcpListener::bind(("::", 7000)));
        let listener = listener.unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                _ = stream.unwrap().write_all(b"welcome");
            }
        });
        let mut spec = server.spec("");
        spec.network = "10.244.6.9/24".to_owned();
        let container = server.create(&spec);
        // By its own address, and by that of the containers' gateway.
        for address in [HERE, "fd00:77:1::af4:601"] {
            let ran = container.sh(&format!("nc -w 20 {address} 7000 </dev/null"));
            assert_eq!(ran.stdout == "welcome", may, "{address}: {ran:?}");
        }
    }
}

#[test]
fn it_lasts_across_servers_and_without_the_flag_there_is_none() {
    let mut server = server(&[]);
    let before = server.container();
    server.end("-KILL");
    server.start();
    assert!(ping(&before, NEIGHBOUR));
    server.end("-TERM");
    server.forget_arguments();
    server.start();
    let after = server.container();
    let info = |container: &Container| server.client().info(container.handle()).unwrap();
    assert_ne!(info(&before).container_ipv6, "");
    assert!(ping(&before, NEIGHBOUR));
    assert_eq!(info(&after).container_ipv6, "");
    assert!(!after.says("ip -6 address").contains("fd00:77"));
}
