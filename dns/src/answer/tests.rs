//! Decisions on messages.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use proptest::prelude::*;
use warren_lib_dns::{Response, encode_name, kind};
use warren_wire_agent::dns::Records;

use super::{Carrier, Decision, decide};
use crate::names::{Route, Snapshot};
use crate::recursors::Recursors;
use crate::zone::Zone;
use crate::zone::alias::Aliases;

fn server(last: u8) -> Arc<Recursors> {
    Arc::new(Recursors::new(vec![SocketAddr::new(
        Ipv4Addr::new(10, 0, 0, last).into(),
        53,
    )]))
}

fn snapshot(with_records: bool) -> Snapshot {
    let rows: Vec<_> = (1..=200)
        .map(|n| {
            serde_json::json!([
                format!("uuid-{n}"),
                format!("{n}"),
                "web",
                ["3"],
                null,
                null,
                "default",
                "1",
                "dep",
                format!("10.1.0.{n}"),
                "bosh",
                null,
                n
            ])
        })
        .collect();
    let records: Records = serde_json::from_value(serde_json::json!({
        "version": 1,
        "records": [["10.1.0.1", "uuid-1.web.default.dep.bosh"]],
        "record_keys": ["id", "num_id", "instance_group", "group_ids", "az", "az_id", "network",
            "network_id", "deployment", "ip", "domain", "agent_id", "instance_index"],
        "record_infos": rows,
    }))
    .unwrap();
    let route = |domain: &str, last| Route {
        domain: domain.to_owned(),
        recursors: server(last),
        cached: false,
    };
    Snapshot {
        zone: Zone::new(with_records.then_some(&records), Aliases::default()),
        routes: vec![
            route("corp.example", 2),
            route("deep.corp.example", 3),
            route("handled.bosh", 4),
        ],
        recursors: server(1),
        generation: 1,
    }
}

fn query(name: &str, kind: u16) -> Vec<u8> {
    let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(&encode_name(name).unwrap());
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes
}

/// The result and how many answers there are.
fn said(message: &[u8], carrier: Carrier) -> (u8, u16, bool) {
    match decide(message, &snapshot(true), carrier) {
        Decision::Say(bytes) => {
            let response = Response::parse(&bytes).unwrap();
            let count = u16::from_be_bytes([bytes[6], bytes[7]]);
            (response.code, count, response.truncated)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn own_names_are_answered() {
    let say = |name: &str, kind| said(&query(name, kind), Carrier::Udp);
    assert_eq!(say("uuid-7.web.default.dep.bosh", kind::A), (0, 1, false));
    assert_eq!(say("UUID-7.Web.default.dep.bosh", kind::ANY), (0, 1, false));
    assert_eq!(
        say("uuid-7.web.default.dep.bosh", kind::AAAA),
        (0, 0, false)
    );
    assert_eq!(say("uuid-7.web.default.dep.bosh", 15), (0, 0, false));
    assert_eq!(say("nobody.web.default.dep.bosh", kind::A), (3, 0, false));
    assert_eq!(say("a.b.c.bosh", kind::A), (1, 0, false));
    assert_eq!(say("upcheck.bosh-dns", kind::A), (0, 1, false));
    assert_eq!(say("other.bosh-dns", kind::A), (3, 0, false));
    assert_eq!(say("1.0.1.10.in-addr.arpa", kind::PTR), (0, 1, false));
}

#[test]
fn long_answers_are_whole_over_tcp() {
    let asked = query("q-s0.q-g3.bosh", kind::A);
    assert_eq!(said(&asked, Carrier::Udp), (0, 30, true));
    assert_eq!(said(&asked, Carrier::Tcp), (0, 200, false));
}

#[test]
fn without_records_own_names_fail_for_now() {
    let asked = query("a.web.default.dep.bosh", kind::A);
    let Decision::Say(bytes) = decide(&asked, &snapshot(false), Carrier::Udp) else {
        panic!("it was not answered");
    };
    assert_eq!(Response::parse(&bytes).unwrap().code, 2);
}

#[test]
fn others_are_asked_for_other_names() {
    for (name, kind, last) in [
        ("www.example.com", kind::A, 1),
        ("", 2, 1),
        ("kebosh", kind::A, 1),
        ("corp.example", kind::A, 2),
        ("a.corp.example", kind::A, 2),
        ("a.deep.corp.example", kind::A, 3),
        ("a.handled.bosh", kind::A, 4),
        ("9.9.9.10.in-addr.arpa", kind::PTR, 1),
    ] {
        match decide(&query(name, kind), &snapshot(true), Carrier::Udp) {
            Decision::Ask { recursors, .. } => {
                assert_eq!(recursors.servers(), server(last).servers(), "{name}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn odd_messages_are_refused_or_not_answered() {
    let good = query("a.bosh", kind::A);
    let mut bytes = good.clone();
    bytes[2] |= 0x80;
    assert!(matches!(
        decide(&bytes, &snapshot(true), Carrier::Udp),
        Decision::Silence
    ));
    assert!(matches!(
        decide(b"", &snapshot(true), Carrier::Udp),
        Decision::Silence
    ));
    let code = |bytes: &[u8]| match decide(bytes, &snapshot(true), Carrier::Udp) {
        Decision::Say(bytes) => bytes[3] & 15,
        other => panic!("{other:?}"),
    };
    let mut bytes = good.clone();
    bytes[2] |= 0x10;
    assert_eq!(code(&bytes), 4);
    assert_eq!(code(&good[..14]), 1);
    let mut bytes = good.clone();
    let last = bytes.len() - 1;
    bytes[last] = 3;
    assert_eq!(code(&bytes), 5);
    // EDNS of a version that there is not: BADVERS is 16, in two parts.
    let mut bytes = good;
    bytes[11] = 1;
    bytes.extend_from_slice(&[0, 0, 41, 16, 0, 0, 1, 0, 0, 0, 0]);
    let Decision::Say(said) = decide(&bytes, &snapshot(true), Carrier::Udp) else {
        panic!("it was not answered");
    };
    assert_eq!((said[3] & 15, said[said.len() - 6]), (0, 1));
}

proptest! {
    #[test]
    fn junk_gives_a_decision(bytes: Vec<u8>) {
        let names = snapshot(true);
        if let Decision::Say(said) = decide(&bytes, &names, Carrier::Udp) {
            prop_assert!(said.len() <= 4096);
            // An answer is never answered: two servers cannot talk for ever.
            prop_assert!(matches!(decide(&said, &names, Carrier::Udp), Decision::Silence));
        }
    }
}
