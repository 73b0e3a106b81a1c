//! The resolver against a real server on loopback, and against files and junk.

use super::*;
use proptest::prelude::*;
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, PacketFlag, RCODE, ResourceRecord};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

/// A name server that knows `nats.bosh` as 10.0.0.6 and answers `big.bosh` over TCP alone.
fn serve() -> u16 {
    // What is free for the one may be taken for the other.
    let (udp, tcp, port) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = udp.local_addr().unwrap().port();
        if let Ok(tcp) = TcpListener::bind(("127.0.0.1", port)) {
            break (udp, tcp, port);
        }
    };
    std::thread::spawn(move || {
        let mut buffer = [0u8; 512];
        while let Ok((size, peer)) = udp.recv_from(&mut buffer) {
            udp.send_to(&[0; 5], peer).unwrap(); // Junk before the answer must be passed over.
            udp.send_to(&reply(&buffer[..size], false), peer).unwrap();
        }
    });
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let mut length = [0u8; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut question).unwrap();
            let answer = reply(&question, true);
            stream
                .write_all(&(answer.len() as u16).to_be_bytes())
                .unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    port
}

fn reply(question: &[u8], over_tcp: bool) -> Vec<u8> {
    let asked = Packet::parse(question).unwrap();
    let name = asked.questions[0].qname.clone();
    let shown = name.to_string();
    let ipv4 = asked.questions[0].qtype == simple_dns::TYPE::A.into();
    let mut packet = asked.into_reply();
    packet.set_flags(PacketFlag::RESPONSE);
    match shown.as_str() {
        "big.bosh" if !over_tcp => packet.set_flags(PacketFlag::TRUNCATION),
        "nats.bosh" | "big.bosh" if ipv4 => {
            let address = RData::A(A::from(std::net::Ipv4Addr::new(10, 0, 0, 6)));
            packet
                .answers
                .push(ResourceRecord::new(name, CLASS::IN, 30, address));
        }
        "nats.bosh" | "big.bosh" => {}
        "broken.bosh" => *packet.rcode_mut() = RCODE::ServerFailure,
        _ => *packet.rcode_mut() = RCODE::NameError,
    }
    packet.build_bytes_vec().unwrap()
}

fn resolver(hosts: &str, resolv_conf: &str, port: u16) -> (tempfile::TempDir, SystemResolver) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    std::fs::write(root.path().join("etc/hosts"), hosts).unwrap();
    std::fs::write(root.path().join("etc/resolv.conf"), resolv_conf).unwrap();
    let resolver = SystemResolver::with_port(root.path(), port);
    (root, resolver)
}

#[test]
fn hosts_file_first_then_servers_with_search_domains_and_tcp() {
    let config = "search example bosh\nnameserver 127.0.0.1\noptions timeout:5 attempts:1\n";
    let (_root, mut resolver) = resolver("10.1.1.1 Local.Bosh alias # not\n", config, serve());
    let found = |text: &str| vec![text.parse::<IpAddr>().unwrap()];
    assert_eq!(resolver.lookup("local.bosh"), Ok(found("10.1.1.1")));
    assert_eq!(resolver.lookup("nats.bosh"), Ok(found("10.0.0.6")));
    assert_eq!(resolver.lookup("nats"), Ok(found("10.0.0.6")));
    assert_eq!(resolver.lookup("big.bosh."), Ok(found("10.0.0.6")));
    let missing = resolver.lookup("none.bosh").unwrap_err();
    assert!(
        missing.contains("no such name") && missing.contains("127.0.0.1"),
        "{missing}"
    );
    let broken = resolver.lookup("broken.bosh").unwrap_err();
    assert!(broken.contains("ServerFailure"), "{broken}");
}

#[test]
fn a_server_that_is_not_there_is_an_error_at_once() {
    // Nobody listens at that port, and nobody gets it by chance.
    let (_root, mut resolver) = resolver("", "nameserver 127.0.0.1\n", 1);
    let error = resolver.lookup("nats.bosh").unwrap_err();
    assert!(
        error.contains("127.0.0.1") && error.contains("refused"),
        "{error}"
    );
}

#[test]
fn dots_decide_whether_the_name_is_tried_as_it_stands_first() {
    let config = Config::parse("search a.example b.example\noptions ndots:2\n").unwrap();
    assert_eq!(
        candidates("x", &config),
        ["x.a.example", "x.b.example", "x"]
    );
    assert_eq!(
        candidates("x.y.z", &config),
        ["x.y.z", "x.y.z.a.example", "x.y.z.b.example"]
    );
    assert_eq!(candidates("x.", &config), ["x"]);
}

proptest! {
    #[test]
    fn junk_from_a_server_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = query::matching(&bytes, 0, "nats.bosh");
    }

    #[test]
    fn junk_in_hosts_never_panics(text in ".{0,200}") {
        let _ = in_hosts_file(&text, "nats.bosh");
    }
}
