//! Codec round trips, junk, and real exchanges that need no privileges.

use std::os::fd::AsFd;
use std::time::Duration;

use proptest::prelude::*;
use rustix::io::Errno;

use super::*;

const RTM_GETLINK: u16 = 18;
const RTM_NEWLINK: u16 = 16;
const IFLA_IFNAME: u16 = 3;
/// A family header for rtnetlink link messages: all zero, 16 bytes.
const ANY_LINK: [u8; 16] = [0; 16];

fn built(fill: impl FnOnce(&mut AttributeBuilder)) -> Vec<u8> {
    let mut builder = AttributeBuilder::new();
    fill(&mut builder);
    builder.finish().unwrap()
}

#[test]
fn message_has_the_documented_layout() {
    let bytes = MessageBuilder::new(0x0a01, flags::REQUEST)
        .family_header(&[1, 0, 0, 0])
        .attributes(|a| {
            a.put_str(1, "ab").put_nested(2, |n| {
                n.put_be32(3, 7);
            });
        })
        .finish(9)
        .unwrap();
    let mut expected = Vec::new();
    expected.extend(40u32.to_ne_bytes());
    expected.extend(0x0a01u16.to_ne_bytes());
    expected.extend(1u16.to_ne_bytes());
    expected.extend(9u32.to_ne_bytes());
    expected.extend([0; 4]);
    expected.extend([1, 0, 0, 0]);
    expected.extend(7u16.to_ne_bytes());
    expected.extend(1u16.to_ne_bytes());
    expected.extend(*b"ab\0\0");
    expected.extend(12u16.to_ne_bytes());
    expected.extend(0x8002u16.to_ne_bytes());
    expected.extend(8u16.to_ne_bytes());
    expected.extend(3u16.to_ne_bytes());
    expected.extend([0, 0, 0, 7]);
    assert_eq!(bytes, expected);
}

#[test]
fn getters_check_the_length() {
    let bytes = built(|a| {
        a.put_be32(1, 0x0102_0304)
            .put_u64(2, 5)
            .put_str(3, "lo")
            .put_bytes(4, &[0xff]);
    });
    let attributes = Attributes::new(&bytes);
    assert_eq!(attributes.require(1).unwrap().be32(), Ok(0x0102_0304));
    assert_eq!(
        attributes.require(1).unwrap().u64(),
        Err(ParseError::WrongLength {
            attribute: 1,
            expected: 8,
            actual: 4
        })
    );
    assert_eq!(attributes.require(2).unwrap().u64(), Ok(5));
    assert_eq!(attributes.require(3).unwrap().str(), Ok("lo"));
    assert_eq!(
        attributes.require(4).unwrap().str(),
        Err(ParseError::NotText { attribute: 4 })
    );
    assert_eq!(
        attributes.require(5),
        Err(ParseError::Missing { attribute: 5 })
    );
}

#[test]
fn an_attribute_over_64_kib_is_refused() {
    let mut builder = AttributeBuilder::new();
    builder.put_nested(7, |n| {
        n.put_bytes(1, &[0; 40_000]).put_bytes(2, &[0; 40_000]);
    });
    assert_eq!(builder.finish(), Err(TooLong { attribute: 7 }));
}

#[test]
fn an_attribute_shorter_than_its_header_ends_the_iteration() {
    let mut attributes = Attributes::new(&[3, 0, 1, 0, 8, 0, 1, 0]);
    assert_eq!(
        attributes.next(),
        Some(Err(ParseError::BadLength { length: 3 }))
    );
    assert_eq!(attributes.next(), None);
}

#[test]
fn acknowledgement_carries_the_extended_error() {
    let mut payload = (-2i32).to_ne_bytes().to_vec();
    payload.extend([0; HEADER_LEN]);
    payload.extend(built(|a| {
        a.put_str(1, "no such thing").put_u32(2, 28);
    }));
    let message = Message {
        kind: kind::ERROR,
        flags: flags::CAPPED | flags::ACK_TLVS,
        seq: 1,
        port: 1,
        payload,
    };
    let error = message.status().unwrap().unwrap();
    assert_eq!(error.errno, Errno::NOENT);
    assert_eq!(error.message.as_deref(), Some("no such thing"));
    assert_eq!(error.offset, Some(28));
}

#[test]
fn dump_lists_loopback() {
    let mut socket = Socket::open(Protocol::Route).unwrap();
    assert_ne!(socket.port_id(), 0);
    let request = MessageBuilder::new(RTM_GETLINK, flags::DUMP).family_header(&ANY_LINK);
    let links = socket.request(request).unwrap();
    let names: Vec<_> = links
        .iter()
        .filter(|link| link.kind == RTM_NEWLINK)
        .filter_map(|link| {
            Attributes::new(&link.payload[16..])
                .find(IFLA_IFNAME)
                .unwrap()
        })
        .map(|name| name.str().unwrap().to_owned())
        .collect();
    assert!(names.iter().any(|name| name == "lo"), "{names:?}");
}

#[test]
fn single_request_answers_with_one_message_and_keeps_order() {
    let mut socket = Socket::open(Protocol::Route).unwrap();
    for _ in 0..3 {
        let request = MessageBuilder::new(RTM_GETLINK, 0)
            .family_header(&ANY_LINK)
            .attributes(|a| {
                a.put_str(IFLA_IFNAME, "lo");
            });
        let answer = socket.request(request).unwrap();
        assert_eq!(answer.len(), 1);
        assert_eq!(answer[0].kind, RTM_NEWLINK);
    }
}

#[test]
fn refusal_is_a_typed_error() {
    let mut socket = Socket::open(Protocol::Route).unwrap();
    let request = MessageBuilder::new(RTM_GETLINK, 0)
        .family_header(&ANY_LINK)
        .attributes(|a| {
            a.put_str(IFLA_IFNAME, "warren-no-such");
        });
    let error = socket.request(request).unwrap_err();
    assert_eq!(
        error.kernel().map(|e| e.errno),
        Some(Errno::NODEV),
        "{error:?}"
    );
}

#[test]
fn receiving_times_out() {
    let mut socket = Socket::open(Protocol::Route).unwrap();
    let error = socket.recv(Some(Duration::from_millis(1))).unwrap_err();
    assert!(matches!(error, Error::TimedOut), "{error:?}");
    assert!(
        rustix::io::fcntl_getfd(socket.as_fd())
            .unwrap()
            .contains(rustix::io::FdFlags::CLOEXEC)
    );
}

#[test]
fn messages_of_other_processes_are_ignored() {
    let mut receiver = Socket::open(Protocol::Route).unwrap();
    let sender = Socket::open(Protocol::Route).unwrap();
    let forged = MessageBuilder::new(RTM_NEWLINK, 0)
        .family_header(&ANY_LINK)
        .finish(0)
        .unwrap();
    let to = rustix::net::netlink::SocketAddrNetlink::new(receiver.port_id(), 0);
    // Only a privileged process may send to another one's socket.
    rustix::net::sendto(
        sender.as_fd(),
        &forged,
        rustix::net::SendFlags::empty(),
        &to,
    )
    .expect("this test runs as root");
    let error = receiver.recv(Some(Duration::from_millis(20))).unwrap_err();
    assert!(matches!(error, Error::TimedOut), "{error:?}");
}

#[test]
fn overrun_is_its_own_error_and_the_socket_goes_on() {
    let mut socket = Socket::open(Protocol::Route).unwrap();
    socket.set_receive_buffer(1).unwrap();
    let request = || {
        MessageBuilder::new(RTM_GETLINK, 0)
            .family_header(&[0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    };
    // Queue answers without reading them until the kernel must drop one.
    for sequence in 1000..1200 {
        let datagram = request()
            .with_flags(flags::REQUEST)
            .finish(sequence)
            .unwrap();
        if socket.send(&datagram).is_err() {
            break;
        }
    }
    let mut overruns = 0;
    loop {
        match socket.recv(Some(Duration::ZERO)) {
            Ok(_) => {}
            Err(Error::Overrun) => overruns += 1,
            Err(Error::TimedOut) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(overruns >= 1);
    socket.set_receive_buffer(1 << 20).unwrap();
    assert_eq!(socket.request(request()).unwrap().len(), 1);
}

proptest! {
    #[test]
    fn attributes_round_trip(list in prop::collection::vec((0u16..0x3fff, prop::collection::vec(any::<u8>(), 0..40)), 0..20)) {
        let bytes = built(|a| for (kind, payload) in &list { a.put_bytes(*kind, payload); });
        let read: Vec<_> = Attributes::new(&bytes).map(|a| a.map(|a| (a.kind, a.payload.to_vec()))).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read, list);
    }

    #[test]
    fn messages_round_trip(list in prop::collection::vec((any::<u16>(), any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8)) {
        let mut datagram = Vec::new();
        for (kind, flags, seq, payload) in &list {
            datagram.extend(MessageBuilder::new(*kind, *flags).attributes(|a| { a.put_bytes(1, payload); }).finish(*seq).unwrap());
        }
        let messages = split(&datagram).unwrap();
        prop_assert_eq!(messages.len(), list.len());
        for (message, (kind, flags, seq, payload)) in messages.iter().zip(&list) {
            prop_assert_eq!((message.kind, message.flags, message.seq), (*kind, *flags, *seq));
            prop_assert_eq!(Attributes::new(&message.payload).require(1).unwrap().payload, &payload[..]);
        }
    }

    #[test]
    fn junk_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), flags in any::<u16>()) {
        for attribute in Attributes::new(&bytes).flatten() {
            let _ = (attribute.u8(), attribute.u16(), attribute.u32(), attribute.u64());
            let _ = (attribute.be16(), attribute.be32(), attribute.be64());
            let _ = (attribute.str(), attribute.str_lossy(), attribute.nested().count());
            let _ = (attribute.ipv4(), attribute.ipv6());
        }
        for message in split(&bytes).unwrap_or_default() {
            let _ = message.status();
        }
        for kind in [kind::ERROR, kind::DONE] {
            let _ = Message { kind, flags, seq: 0, port: 0, payload: bytes.clone() }.status();
        }
    }
}
