//! The codec on junk, and the kernel in a network namespace of the test's own.

use proptest::prelude::*;
use warren_sys_netlink::Message;
use warren_tests_harness::NetNs;

use super::*;

fn message(kind: u16, payload: Vec<u8>) -> Message {
    Message {
        kind,
        flags: 0,
        seq: 1,
        port: 1,
        payload,
    }
}

proptest! {
    #[test]
    fn any_answer_is_parsed_or_refused(
        kind in 16_u16..28,
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let all = [message(kind, payload)];
        _ = decode::links(&all);
        _ = decode::addresses(&all);
        _ = decode::routes(&all);
    }

    #[test]
    fn what_is_written_is_read(
        name in "[a-z]{1,15}",
        mac in any::<[u8; 6]>(),
        mtu in any::<u32>(),
    ) {
        let bridge = Bridge { name, mac: Mac(mac), mtu };
        let bytes = encode::add_bridge(&bridge).finish(1).unwrap();
        let messages = warren_sys_netlink::split(&bytes).unwrap();
        let link = decode::links(&messages).unwrap().remove(0);
        prop_assert_eq!(link.name, bridge.name);
        prop_assert_eq!(link.mac, Some(Mac(mac)));
        prop_assert_eq!(link.mtu, mtu);
        prop_assert_eq!(link.kind.as_deref(), Some("bridge"));
        prop_assert!(!link.is_up);
    }

    #[test]
    fn written_addresses_are_read(v6 in any::<bool>(), bytes in any::<u128>(), bits in 0_u8..=32) {
        let address = if v6 { IpAddr::V6(bytes.into()) } else { IpAddr::V4((bytes as u32).into()) };
        let bytes = encode::add_address(7, address, bits).finish(1).unwrap();
        let messages = warren_sys_netlink::split(&bytes).unwrap();
        let read = decode::addresses(&messages).unwrap();
        prop_assert_eq!(read, vec![Address { link: 7, address, bits }]);
    }
}

fn veth() -> Veth {
    Veth {
        name: "one".to_owned(),
        peer: "two".to_owned(),
        peer_mac: Mac([2, 0, 10, 0, 0, 2]),
        mtu: 1400,
    }
}

#[test]
fn links_come_and_go() {
    let (here, there) = (NetNs::new(), NetNs::new());
    let mut net = here.inside(Rtnetlink::open).unwrap();
    let there_link = std::fs::File::open(there.path()).unwrap();
    let mut far = Rtnetlink::open_in(there_link.as_fd()).unwrap();

    let bridge = Bridge {
        name: "bridge".to_owned(),
        mac: Mac([2, 0, 10, 0, 0, 1]),
        mtu: 1400,
    };
    net.add_bridge(&bridge).unwrap();
    assert_eq!(
        net.add_bridge(&bridge).unwrap_err().errno(),
        Some(Errno::EXIST)
    );
    net.add_veth(&veth(), Some(there_link.as_fd())).unwrap();
    net.set("one", &Change::Master("bridge".to_owned()))
        .unwrap();
    net.set("one", &Change::Hairpin).unwrap();
    net.set("one", &Change::Up).unwrap();
    net.set("bridge", &Change::Up).unwrap();
    far.set("two", &Change::Mtu(1300)).unwrap();
    far.set("two", &Change::Up).unwrap();

    let bridge_now = net.link("bridge").unwrap().unwrap();
    assert_eq!(bridge_now.mac, Some(bridge.mac));
    assert!(bridge_now.is_up);
    let one = net.link("one").unwrap().unwrap();
    assert_eq!(one.master, Some(bridge_now.index));
    assert!(one.is_hairpin && !bridge_now.is_hairpin);
    assert_eq!((one.kind.as_deref(), one.mtu), (Some("veth"), 1400));
    let two = far.link("two").unwrap().unwrap();
    assert_eq!((two.mac, two.mtu), (Some(veth().peer_mac), 1300));
    assert!(net.link("two").unwrap().is_none());
    let names: Vec<String> = net.links().unwrap().into_iter().map(|l| l.name).collect();
    assert_eq!(names, ["lo", "bridge", "one"]);

    assert!(net.delete("one").unwrap());
    assert!(!net.delete("one").unwrap());
    assert!(far.link("two").unwrap().is_none());
    assert!(net.delete("bridge").unwrap());
}

#[test]
fn addresses_and_routes_are_set_once_however_often() {
    let (here, there) = (NetNs::new(), NetNs::new());
    let mut net = here.inside(Rtnetlink::open).unwrap();
    net.add_veth(&veth(), None).unwrap();
    let there_link = std::fs::File::open(there.path()).unwrap();
    net.move_to("two", &there_link).unwrap();
    net.set("one", &Change::Up).unwrap();
    let mut far = Rtnetlink::open_in(there_link.as_fd()).unwrap();
    far.set("two", &Change::Up).unwrap();
    let (v4, v6): (IpAddr, IpAddr) = ("10.9.0.2".parse().unwrap(), "fd09::2".parse().unwrap());
    let gateways: [IpAddr; 2] = ["10.9.0.1".parse().unwrap(), "fd09::1".parse().unwrap()];
    for _ in 0..2 {
        far.add_address("two", v4, 24).unwrap();
        far.add_address("two", v6, 120).unwrap();
        for gateway in gateways {
            far.default_route("two", gateway).unwrap();
        }
        far.route("10.77.0.0".parse().unwrap(), 16, gateways[0])
            .unwrap();
    }
    let narrow = Route {
        to: Some(("10.77.0.0".parse().unwrap(), 16)),
        gateway: Some(gateways[0]),
        link: Some(far.link("two").unwrap().unwrap().index),
    };
    let routes = far.routes().unwrap();
    assert_eq!(routes.iter().filter(|each| **each == narrow).count(), 1);
    let index = far.link("two").unwrap().unwrap().index;
    let addresses = far.addresses().unwrap();
    for (address, bits) in [(v4, 24), (v6, 120)] {
        let expected = Address {
            link: index,
            address,
            bits,
        };
        assert_eq!(
            addresses.iter().filter(|each| **each == expected).count(),
            1
        );
    }
    for gateway in gateways {
        let expected = Route {
            to: None,
            gateway: Some(gateway),
            link: Some(index),
        };
        let routes = far.routes().unwrap();
        assert_eq!(
            routes.iter().filter(|each| **each == expected).count(),
            1,
            "{routes:?}"
        );
    }
    assert!(far.delete_address("two", v4, 24).unwrap());
    assert!(!far.delete_address("two", v4, 24).unwrap());
}

#[test]
fn what_is_missing_is_named() {
    let here = NetNs::new();
    let mut net = here.inside(Rtnetlink::open).unwrap();
    let error = net.set("absent", &Change::Up).unwrap_err();
    assert_eq!(error.to_string(), "there is no link absent");
    let long = net.link("a-name-that-is-too-long").unwrap_err();
    assert!(matches!(long, Error::Request { .. }), "{long:?}");
    let error = net
        .default_route("lo", "10.0.0.1".parse().unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot route by way of 10.0.0.1 on link lo"
    );
}

#[test]
fn a_bridge_can_refuse_senders_that_are_not_behind_it() {
    let here = NetNs::new();
    let mut net = here.inside(Rtnetlink::open).unwrap();
    let bridge = Bridge {
        name: "strict".to_owned(),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
    };
    net.add_bridge(&bridge).unwrap();
    let setting =
        || here.inside(|| std::fs::read_to_string("/proc/sys/net/ipv4/conf/strict/rp_filter"));
    net.set("strict", &Change::ReversePath).unwrap();
    net.set("strict", &Change::ReversePath).unwrap();
    assert_eq!(setting().unwrap().trim(), "1");
}
