//! Round trips, limits and junk.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use crate::{Code, Data, Query, Refused, Reply, Response, TCP, encode_name, kind, refusal};

/// A query as a resolver of the C library sends it.
fn query(name: &str, kind: u16, edns: Option<u16>) -> Vec<u8> {
    let mut bytes = vec![
        0x12,
        0x34,
        1,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        u8::from(edns.is_some()),
    ];
    bytes.extend_from_slice(&encode_name(name).unwrap());
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    if let Some(size) = edns {
        bytes.extend_from_slice(&[0, 0, 41]);
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(&[0; 6]);
    }
    bytes
}

fn addresses(count: u32) -> Vec<Data> {
    (0..count)
        .map(|n| Data::A(Ipv4Addr::from_bits(0x0a00_0000 + n)))
        .collect()
}

#[test]
fn a_query_is_read() {
    let bytes = query("Q-s0.Web.default.Dep.bosh", kind::A, Some(1232));
    let query = Query::parse(&bytes).unwrap();
    assert_eq!(query.name, "q-s0.web.default.dep.bosh");
    assert_eq!((query.id, query.kind, query.class), (0x1234, 1, 1));
    assert_eq!(query.udp_limit(), 1232);
    assert!(query.wants_recursion());
    assert!(query.question.starts_with(b"\x04Q-s0\x03Web"));
}

#[test]
fn what_is_no_query_is_told_apart() {
    let good = query("a.bosh", kind::A, None);
    assert_eq!(Query::parse(&good[..11]), Err(Refused::Silent));
    for (at, value, refused) in [
        (2, 0x81, Refused::Silent),
        (2, 0x28, Refused::Operation),
        (5, 0, Refused::Format),
        (5, 2, Refused::Format),
        (7, 1, Refused::Format),
        (9, 1, Refused::Format),
        // More additional records than there are.
        (11, 1, Refused::Format),
        // A pointer, and a label that is too long.
        (12, 0xc0, Refused::Format),
        (12, 64, Refused::Format),
    ] {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert_eq!(Query::parse(&bytes), Err(refused), "byte {at} as {value}");
        let said = refusal(&bytes, Code::Format).unwrap();
        assert_eq!((&said[..2], said.len()), (&good[..2], 12));
    }
    assert_eq!(Query::parse(&good[..good.len() - 1]), Err(Refused::Format));
}

#[test]
fn odd_bytes_in_names_are_escaped() {
    let mut bytes = query("a.bosh", kind::A, None);
    bytes[13] = b'.';
    assert_eq!(Query::parse(&bytes).unwrap().name, "\\046.bosh");
}

#[test]
fn names_have_limits() {
    assert_eq!(encode_name("").unwrap(), [0]);
    assert_eq!(encode_name("."), encode_name(""));
    assert_eq!(encode_name("a.b.").unwrap(), b"\x01a\x01b\0");
    assert_eq!(encode_name("a..b"), None);
    assert_eq!(encode_name(&"a".repeat(64)), None);
    let longest = [
        "a".repeat(63),
        "a".repeat(63),
        "a".repeat(63),
        "a".repeat(61),
    ]
    .join(".");
    assert_eq!(encode_name(&longest).unwrap().len(), 255);
    assert_eq!(encode_name(&format!("{longest}a")), None);
    let bytes = query(&longest, kind::A, None);
    assert_eq!(Query::parse(&bytes).unwrap().name, longest);
}

#[test]
fn an_answer_is_cut_where_it_does_not_fit() {
    for (edns, fits) in [(None, 30), (Some(4096), 253)] {
        let bytes = query("a.bosh", kind::A, edns);
        let query = Query::parse(&bytes).unwrap();
        for count in [0, 1, fits, fits + 1, 5000] {
            let reply = Reply {
                query: &query,
                code: Code::Good,
                authoritative: true,
                answers: addresses(count),
            };
            for limit in [query.udp_limit(), TCP] {
                let message = reply.encode(limit);
                assert!(message.len() <= limit, "{} over {limit}", message.len());
                let read = Response::parse(&message).unwrap();
                assert!(read.answers(&message, &query, 0x1234));
                let told = u32::from(u16::from_be_bytes([message[6], message[7]]));
                assert_eq!(read.truncated, told < count);
                if limit < TCP {
                    assert_eq!(told, count.min(fits));
                }
            }
        }
    }
}

/// An answer with one address for `ttl` seconds, or with a begin of authority alone.
fn foreign(asked: &[u8], ttl: u32, soa: Option<u32>) -> Vec<u8> {
    let mut bytes = asked.to_vec();
    bytes[2] |= 0x80;
    bytes[3] = if soa.is_some() { 3 } else { 0 };
    bytes[if soa.is_some() { 9 } else { 7 }] = 1;
    let (kind, data) = match soa {
        Some(minimum) => {
            let mut data = vec![0, 0];
            data.extend_from_slice(&[0; 16]);
            data.extend_from_slice(&minimum.to_be_bytes());
            (kind::SOA, data)
        }
        None => (kind::A, vec![192, 0, 2, 1]),
    };
    bytes.extend_from_slice(&[0xc0, 12]);
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes.extend_from_slice(&ttl.to_be_bytes());
    bytes.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&data);
    bytes
}

#[test]
fn answers_of_others_last_as_they_say() {
    let asked = query("www.example.com", kind::A, None);
    let lasts = |ttl, soa| Response::parse(&foreign(&asked, ttl, soa)).unwrap().lasts;
    assert_eq!(lasts(300, None), Some(300));
    assert_eq!(lasts(0, None), None);
    assert_eq!(lasts(0x8000_0000, None), None);
    assert_eq!(lasts(900, Some(60)), Some(60));
    assert_eq!(lasts(30, Some(60)), Some(30));
    let mut failed = foreign(&asked, 300, None);
    failed[3] = 2;
    let failed = Response::parse(&failed).unwrap();
    assert!(failed.is_failure() && failed.lasts.is_none());
    let mut cut = foreign(&asked, 300, None);
    cut[2] |= 2;
    let cut = Response::parse(&cut).unwrap();
    assert!(cut.truncated && cut.lasts.is_none());
}

#[test]
fn an_answer_is_adapted_to_a_later_query() {
    let first = query("www.example.com", kind::A, None);
    let mut bytes = foreign(&first, 300, None);
    let read = Response::parse(&bytes).unwrap();
    let mut later = query("WWW.example.com", kind::A, None);
    later[0] = 0x99;
    let later = Query::parse(&later).unwrap();
    assert!(!read.answers(&bytes, &later, 0x9934));
    read.adapt(&mut bytes, &later, 120);
    let adapted = Response::parse(&bytes).unwrap();
    assert!(adapted.answers(&bytes, &later, 0x9934));
    assert_eq!(adapted.lasts, Some(180));
    assert!(bytes[12..].starts_with(b"\x03WWW"));
    let other = query("www.example.org", kind::A, None);
    assert!(!adapted.answers(&bytes, &Query::parse(&other).unwrap(), 0x9934));
}

proptest! {
    #[test]
    fn junk_gives_an_answer(bytes: Vec<u8>) {
        let _ = Query::parse(&bytes);
        let _ = Response::parse(&bytes);
        let _ = refusal(&bytes, Code::Format);
    }

    #[test]
    fn damaged_messages_give_an_answer(
        at in 0_usize..90, value: u8, cut in 0_usize..90, ttl: u32, soa: Option<u32>,
    ) {
        let asked = query("www.example.com", kind::A, Some(1400));
        let whole = query("www.example.com", kind::A, None);
        for mut bytes in [asked, foreign(&whole, ttl, soa)] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            let cut = cut.min(bytes.len());
            let _ = Query::parse(&bytes[..cut]);
            let _ = Query::parse(&bytes);
            if let Ok(read) = Response::parse(&bytes) {
                let query = Query::parse(&whole).unwrap();
                read.adapt(&mut bytes, &query, 7);
            }
        }
    }

    #[test]
    fn what_can_be_written_is_read_again(labels in prop::collection::vec("[a-z0-9_*-]{1,20}", 1..8)) {
        let name = labels.join(".");
        let bytes = query(&name, kind::AAAA, None);
        prop_assert_eq!(Query::parse(&bytes).unwrap().name, name);
    }
}
