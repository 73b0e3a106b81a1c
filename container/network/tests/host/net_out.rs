//! Outbound rules of every kind against deny networks that close everything.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::world::{
    BRIEF, Container, HOST, LONG, NEIGHBOUR, NEIGHBOUR6, World, connect, datagrams_arrive,
    in_network, ip, mirror, pings,
};
use warren_container_network::address::{AddressRange, Ipv6Prefix, Subnet};
use warren_container_network::netout::{IcmpMatch, NetOutRule, Ports, Protocol};
use warren_container_network::{Error, Network, Settings, Spec};

fn range(start: &str, end: &str) -> AddressRange {
    AddressRange::new(ip(start), ip(end)).unwrap()
}

/// A closed world with one container.
fn closed() -> (World, Network, Container) {
    let world = World::new();
    let network = world.network(Settings {
        deny: vec![
            range("0.0.0.0", "255.255.255.255"),
            range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ],
        ipv6: Some(Ipv6Prefix::new("fd00:77::".parse().unwrap())),
        ..World::settings()
    });
    let container = Container::new(&network, "c", &in_network("10.244.0.2/24"));
    (world, network, container)
}

fn tcp(networks: Vec<AddressRange>, ports: Vec<Ports>) -> NetOutRule {
    NetOutRule {
        protocol: Protocol::Tcp,
        networks,
        ports,
        ..NetOutRule::default()
    }
}

#[test]
fn closed_is_closed_but_for_the_own_subnet_and_answers() {
    let (world, network, container) = closed();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let refused = connect(&container.net, (ip(NEIGHBOUR), port));
    assert_eq!(refused, Err(ErrorKind::HostUnreachable));
    let port6 = mirror(&world.neighbour, "[::]:0").port();
    connect(&container.net, (ip(NEIGHBOUR6), port6)).unwrap_err();
    assert!(!pings(BRIEF, &container.net, NEIGHBOUR));
    assert!(!datagrams_arrive(
        BRIEF,
        &container.net,
        &world.neighbour,
        (ip(NEIGHBOUR), 7000).into()
    ));

    let sibling = Container::new(&network, "sibling", &in_network("10.244.0.3/24"));
    let inner = mirror(&sibling.net, "0.0.0.0:0").port();
    connect(&container.net, (sibling.address(), inner)).unwrap();
    let stranger = Container::new(&network, "stranger", &Spec::default());
    let inner = mirror(&stranger.net, "0.0.0.0:0").port();
    connect(&container.net, (stranger.address(), inner)).unwrap_err();
    // A connection from outside is answered.
    let own = mirror(&container.net, "0.0.0.0:0").port();
    connect(&world.host, (container.address(), own)).unwrap();
}

#[test]
fn tcp_by_address_and_port() {
    let (world, network, container) = closed();
    let open = mirror(&world.neighbour, "0.0.0.0:0").port();
    let other = mirror(&world.neighbour, "0.0.0.0:0").port();
    let ports = vec![Ports {
        start: open,
        end: open,
    }];
    let rule = tcp(vec![range("192.0.2.2", "192.0.2.9")], ports);
    network.net_out("c", std::slice::from_ref(&rule)).unwrap();
    assert_eq!(connect(&container.net, (ip(NEIGHBOUR), open)), Ok(ip(HOST)));
    connect(&container.net, (ip(NEIGHBOUR), other)).unwrap_err();
    assert!(!datagrams_arrive(
        BRIEF,
        &container.net,
        &world.neighbour,
        (ip(NEIGHBOUR), open).into()
    ));
    // An address beside the range.
    world.neighbour.address("down0", "192.0.2.20/24");
    connect(&container.net, (ip("192.0.2.20"), open)).unwrap_err();
    // Another container's rules are its own.
    let two = Container::new(&network, "two", &Spec::default());
    connect(&two.net, (ip(NEIGHBOUR), open)).unwrap_err();
    // Without networks it is all of them.
    network.net_out("c", &[tcp(vec![], vec![])]).unwrap();
    connect(&container.net, (ip("192.0.2.20"), other)).unwrap();
}

#[test]
fn udp_by_port_range() {
    let (world, network, container) = closed();
    let rule = NetOutRule {
        protocol: Protocol::Udp,
        ports: vec![Ports {
            start: 7000,
            end: 7002,
        }],
        ..NetOutRule::default()
    };
    network.net_out("c", &[rule]).unwrap();
    let arrives = |patience, port: u16| {
        let to: SocketAddr = (ip(NEIGHBOUR), port).into();
        datagrams_arrive(patience, &container.net, &world.neighbour, to)
    };
    assert!(arrives(LONG, 7000) && arrives(LONG, 7002));
    assert!(!arrives(BRIEF, 6999) && !arrives(BRIEF, 7003));
}

#[test]
fn icmp_by_type_and_code() {
    let (_world, network, container) = closed();
    let icmp = |kind, code| NetOutRule {
        protocol: Protocol::Icmp,
        icmp: Some(IcmpMatch { kind, code }),
        ..NetOutRule::default()
    };
    network
        .net_out("c", &[icmp(13, None), icmp(8, Some(1))])
        .unwrap();
    assert!(!pings(BRIEF, &container.net, NEIGHBOUR));
    network.net_out("c", &[icmp(8, Some(0))]).unwrap();
    assert!(pings(LONG, &container.net, NEIGHBOUR));
    assert!(!pings(BRIEF, &container.net, NEIGHBOUR6));
    let icmp6 = NetOutRule {
        protocol: Protocol::Icmpv6,
        icmp: Some(IcmpMatch {
            kind: 128,
            code: None,
        }),
        networks: vec![range(NEIGHBOUR6, NEIGHBOUR6)],
        ..NetOutRule::default()
    };
    network.net_out("c", &[icmp6]).unwrap();
    assert!(pings(LONG, &container.net, NEIGHBOUR6));
}

#[test]
fn all_protocols_to_a_network() {
    let (world, network, container) = closed();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let rule = NetOutRule {
        networks: vec!["192.0.2.0/30".parse::<Subnet>().unwrap().into()],
        ..NetOutRule::default()
    };
    network.net_out("c", &[rule]).unwrap();
    connect(&container.net, (ip(NEIGHBOUR), port)).unwrap();
    assert!(pings(LONG, &container.net, NEIGHBOUR));
    assert!(datagrams_arrive(
        LONG,
        &container.net,
        &world.neighbour,
        (ip(NEIGHBOUR), 7000).into()
    ));
}

#[test]
fn a_logged_rule_counts_and_names_the_container() {
    let (world, network, container) = closed();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let rule = NetOutRule {
        log: true,
        ..tcp(vec![], vec![])
    };
    network.net_out("c", &[rule]).unwrap();
    let id = container.record.id();
    let chain = [
        "nft",
        "list",
        "chain",
        "inet",
        "warren_garden",
        &format!("from_{id}"),
    ];
    let counted = || {
        let text = world.host.run(&chain).success().stdout;
        let line = text.lines().find(|line| line.contains("log prefix"));
        let line = line.unwrap();
        assert!(line.contains("log prefix \"c \""), "{text}");
        let (_, count) = line.split_once("counter packets ").unwrap();
        count.split(' ').next().unwrap().parse::<u32>().unwrap()
    };
    // The first packet of a connection only: the rest is of an established one. Where that packet
    // had to be sent again it counts again, which not every connection meets.
    let added = || {
        let before = counted();
        connect(&container.net, (ip(NEIGHBOUR), port)).unwrap();
        counted() - before
    };
    assert_eq!((0..5).map(|_| added()).min(), Some(1));
}

#[test]
fn rules_given_at_creation_hold_and_bad_ones_leave_nothing() {
    let (world, network, _container) = closed();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let spec = Spec {
        net_out: vec![tcp(vec![], vec![])],
        ..Spec::default()
    };
    let two = Container::new(&network, "two", &spec);
    connect(&two.net, (ip(NEIGHBOUR), port)).unwrap();
    let before = world.rules();
    let bad = NetOutRule {
        protocol: Protocol::Icmp,
        ports: vec![Ports { start: 1, end: 1 }],
        ..NetOutRule::default()
    };
    let error = network
        .net_out("two", std::slice::from_ref(&bad))
        .unwrap_err();
    assert!(matches!(error, Error::NetOut(_)), "{error}");
    let spec = Spec {
        net_out: vec![bad],
        ..Spec::default()
    };
    assert!(Container::try_new(&network, "three", &spec).is_err());
    assert_eq!(world.rules(), before);
    assert!(network.get("three").is_none());
}
