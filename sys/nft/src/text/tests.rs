//! Values and sets as text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::value::{duration, prefix_bits, value};
use crate::{DataType, Element, Family, Key, Set, Verdict};

fn set(key_type: DataType) -> Set {
    Set::new(Family::Inet, "t", "s", key_type)
}

#[test]
fn elements_read_as_in_nft() {
    let v4 = set(DataType::Ipv4Addr).with_intervals();
    let net = |bits| Element::prefix(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)), bits);
    let range = Element::range(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let pair = set(DataType::Concat(vec![
        DataType::Ipv6Addr,
        DataType::InetService,
    ]));
    let cases = [
        (&v4, net(8), "10.0.0.0/8"),
        (&v4, net(32), "10.1.2.3"),
        (&v4, net(0), "0.0.0.0/0"),
        (&v4, range, "10.0.0.1-10.0.0.2"),
        (
            &v4,
            Element::catchall().to_verdict(Verdict::Drop),
            "* : drop",
        ),
        (
            &pair,
            Element::new(Key::concat([Ipv6Addr::LOCALHOST.into(), Key::port(7)])),
            "::1 . 7",
        ),
    ];
    for (set, element, text) in cases {
        assert_eq!(super::element(set, &element), text);
    }
    let timed = Element::new(Key::port(7))
        .with_timeout(Duration::from_secs(90))
        .with_comment("c");
    let ports = set(DataType::InetService);
    assert_eq!(
        super::element(&ports, &timed),
        "7 timeout 1m30s comment \"c\""
    );
}

#[test]
fn durations_leave_out_zero_parts() {
    let cases = [
        (0, "0s"),
        (5, "5ms"),
        (1_000, "1s"),
        (90_061_001, "1d1h1m1s1ms"),
        (3_600_000, "1h"),
    ];
    for (milliseconds, text) in cases {
        assert_eq!(duration(Duration::from_millis(milliseconds)), text);
    }
}

#[test]
fn masks_are_prefixes_or_not() {
    assert_eq!(prefix_bits(&[0xff, 0xc0, 0]), Some(10));
    assert_eq!(prefix_bits(&[0xff, 0xff]), Some(16));
    assert_eq!(prefix_bits(&[0, 0]), Some(0));
    assert_eq!(prefix_bits(&[0xff, 0x0f]), None);
    assert_eq!(prefix_bits(&[0xff, 0, 1]), None);
}

#[test]
fn values_that_do_not_fit_their_type_are_numbers() {
    assert_eq!(value(&DataType::Ipv4Addr, &[1, 2]), "0x0102");
    assert_eq!(value(&DataType::IfName, b"eth"), "\"eth*\"");
    assert_eq!(value(&DataType::InetProto, &[6]), "tcp");
}

proptest! {
    #[test]
    fn any_bytes_have_a_text(bytes in prop::collection::vec(any::<u8>(), 0..40), number in 0u32..4000, length in 0u32..40) {
        let _ = value(&DataType::from_number(number, length), &bytes);
        let _ = super::value::range(&DataType::from_number(number, length), &bytes, &[0; 8]);
    }
}
