//! Rules meet packets on loopback.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use common::in_netns;
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use warren_sys_nft::{
    Batch, Chain, ChainType, CtState, DataType, Element, Family, Field, Hook, Key, Nft, Policy,
    Rule, Set, Table, Verdict, priority,
};

const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn chain(name: &str, kind: ChainType, hook: Hook, priority: i32) -> Chain {
    Chain::new(Family::Inet, "t", name).hooked(kind, hook, priority, Policy::Accept)
}

fn output() -> Chain {
    chain("out", ChainType::Filter, Hook::Output, priority::FILTER)
}

fn load(chain: &Chain, rules: impl IntoIterator<Item = Rule>) -> Batch {
    let mut batch = Batch::new();
    batch
        .add_table(&Table::new(Family::Inet, "t"))
        .add_chain(chain);
    for rule in rules {
        batch.add_rule(chain, rule);
    }
    batch
}

fn counted(kernel: &mut Nft, chain: &Chain) -> Vec<u64> {
    let rules = kernel.list_rules(chain).unwrap();
    rules
        .iter()
        .filter_map(|listed| listed.rule.counted())
        .map(|(packets, _)| packets)
        .collect()
}

fn send_udp(port: u16) {
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.send_to(b"x", (LOCALHOST, port)).unwrap();
}

#[test]
fn matches_count_the_packets_they_should() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let set = Set::new(Family::Inet, "t", "ports", DataType::InetService);
        let mut batch = Batch::new();
        batch
            .add_table(&Table::new(Family::Inet, "t"))
            .add_set(&set);
        batch.add_elements(&set, [Element::new(Key::port(9))]);
        batch.append(load(
            &output(),
            [
                Rule::new()
                    .ip_daddr(LOCALHOST)
                    .udp_dport(9)
                    .mark_set_bits(0x30),
                Rule::new().udp_dport(9).mark_clear_bits(0x20),
                Rule::new().mark_has(0x10).counter(),
                Rule::new().mark_lacks(0x20).counter(),
                Rule::new().mark_has(0x30).counter(),
                Rule::new().in_set(Field::UdpDport, "ports").counter(),
                Rule::new().not_in_set(Field::UdpDport, "ports").counter(),
                Rule::new()
                    .ip_daddr_net(Ipv4Addr::new(127, 0, 0, 0), 8)
                    .counter(),
                Rule::new()
                    .ip_daddr_net(Ipv4Addr::new(127, 0, 0, 0), 9)
                    .counter(),
                Rule::new()
                    .ip_daddr_net(Ipv4Addr::new(127, 128, 0, 0), 9)
                    .counter(),
                Rule::new().oifname("lo").counter(),
                Rule::new().oifname("l*").counter(),
                Rule::new().oifname_not("lo").counter(),
                Rule::new().meta_skuid(0).counter(),
                Rule::new().meta_skuid(1).counter(),
                Rule::new().ct_state(CtState::New).counter(),
                Rule::new()
                    .ct_state(CtState::Established | CtState::Related)
                    .counter(),
                Rule::new().udp_dport_range(8, 10).counter(),
                Rule::new().tcp().counter(),
                Rule::new().ipv6().counter(),
            ],
        ));
        kernel.commit(&batch).unwrap();
        // Kept open, so that no "port unreachable" comes back.
        let _receiver = UdpSocket::bind((LOCALHOST, 9)).unwrap();
        send_udp(9);
        assert_eq!(
            counted(&mut kernel, &output()),
            [1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0]
        );
    });
}

#[test]
fn refused_connections_fail_at_once() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((LOCALHOST, port)).unwrap();
        let connect = || {
            let address = (LOCALHOST, port).into();
            TcpStream::connect_timeout(&address, Duration::from_millis(300)).map_err(|e| e.kind())
        };
        kernel
            .commit(&load(
                &output(),
                [Rule::new().tcp_dport(port).reject_tcp_reset()],
            ))
            .unwrap();
        assert_eq!(connect().unwrap_err(), ErrorKind::ConnectionRefused);
        let mut batch = Batch::new();
        batch.flush_chain(&output());
        batch.add_rule(&output(), Rule::new().tcp_dport(port).drop());
        kernel.commit(&batch).unwrap();
        assert_eq!(connect().unwrap_err(), ErrorKind::TimedOut);
        let mut batch = Batch::new();
        batch.delete_table((Family::Inet, "t"));
        kernel.commit(&batch).unwrap();
        connect().unwrap();
    });
}

#[test]
fn verdict_maps_decide_by_port() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let map =
            Set::new(Family::Inet, "t", "m", DataType::InetService).mapping_to(DataType::Verdict);
        let sub = Chain::new(Family::Inet, "t", "sub");
        let mut batch = Batch::new();
        batch
            .add_table(&Table::new(Family::Inet, "t"))
            .add_chain(&sub)
            .add_set(&map);
        batch.add_elements(
            &map,
            [
                Element::new(Key::port(9)).to_verdict(Verdict::Jump("sub".into())),
                Element::new(Key::port(10)).to_verdict(Verdict::Drop),
            ],
        );
        batch.add_rule(&sub, Rule::new().counter());
        batch.append(load(
            &output(),
            [
                Rule::new().vmap(Field::UdpDport, "m"),
                Rule::new().udp().counter(),
            ],
        ));
        kernel.commit(&batch).unwrap();
        let _receivers = [9, 10, 11].map(|port| UdpSocket::bind((LOCALHOST, port)).unwrap());
        send_udp(9);
        let dropped = UdpSocket::bind((LOCALHOST, 0))
            .unwrap()
            .send_to(b"x", (LOCALHOST, 10));
        assert_eq!(dropped.unwrap_err().kind(), ErrorKind::PermissionDenied);
        send_udp(11);
        assert_eq!(counted(&mut kernel, &sub), [1]);
        assert_eq!(counted(&mut kernel, &output()), [2]);
    });
}

#[test]
fn translation_leads_elsewhere() {
    in_netns(|| {
        let mut kernel = Nft::open().unwrap();
        let nat = chain("nat", ChainType::Nat, Hook::Output, priority::DSTNAT);
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        kernel
            .commit(&load(
                &nat,
                [
                    Rule::new()
                        .tcp_dport(81)
                        .dnat_to(LOCALHOST.into(), Some(port)),
                    Rule::new().tcp_dport(82).redirect(port),
                ],
            ))
            .unwrap();
        for (address, port) in [(Ipv4Addr::new(127, 9, 9, 9), 81), (LOCALHOST, 82)] {
            TcpStream::connect((address, port)).unwrap();
            listener.accept().unwrap();
        }
    });
}

#[test]
fn without_the_capability_the_refusal_says_so() {
    in_netns(|| {
        let none = CapabilitySet::empty();
        let sets = CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        };
        // Capabilities are per thread; this one ends with the test.
        set_capabilities(None, sets).unwrap();
        let error = Nft::open()
            .unwrap()
            .commit(&load(&output(), []))
            .unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.step, refusal.error.errno), (None, Errno::PERM));
        assert!(refusal.hint.as_deref().unwrap().contains("CAP_NET_ADMIN"));
        assert_eq!(
            Nft::open().unwrap().list_tables().unwrap_err().errno(),
            Some(Errno::PERM)
        );
    });
}
