//! Who reaches whom.

use std::io::ErrorKind;
use std::net::SocketAddr;

use warren_container_network::address::{AddressRange, Ipv6Prefix, Subnet};
use warren_container_network::foreign;
use warren_container_network::link::Rtnetlink;
use warren_container_network::port::Transport;
use warren_container_network::{MappingRequest, Settings, Spec, host, sysctl};

use crate::world::{
    BRIEF, Container, HOST, HOST6, LONG, NEIGHBOUR, NEIGHBOUR6, World, connect, connect_within,
    datagrams_arrive, in_network, ip, mirror,
};

#[test]
fn two_containers_on_one_subnet_reach_each_other_and_their_gateway_is_its_first_address() {
    let world = World::new();
    let network = world.network(Settings {
        mtu: 1420,
        ..World::settings()
    });
    let one = Container::new(&network, "one", &in_network("10.244.0.5/24"));
    let two = Container::new(&network, "two", &in_network("10.244.0.0/24"));
    assert_eq!(one.address(), ip("10.244.0.5"));
    assert_eq!(two.address(), ip("10.244.0.2"));
    let port = mirror(&one.net, "0.0.0.0:0").port();
    assert_eq!(connect(&two.net, (one.address(), port)), Ok(two.address()));

    let text = one.net.ip(&["-4", "route"]);
    assert!(text.contains("default via 10.244.0.1 dev w"), "{text}");
    let id = one.record.id();
    let links = world.links();
    assert!(links.contains(&"wbrdg-0af40000".to_owned()), "{links:?}");
    assert!(links.contains(&format!("w{id}-0")), "{links:?}");
    let mut inside = one.net.inside(Rtnetlink::open).unwrap();
    let end = inside.link(&format!("w{id}-1")).unwrap().unwrap();
    assert_eq!(end.mtu, 1420);
    assert!(network.traffic("one").unwrap().received > 0);
}

#[test]
fn subnets_reach_each_other_by_way_of_the_host() {
    let world = World::new();
    let network = world.network(World::settings());
    let one = Container::new(&network, "one", &Spec::default());
    let two = Container::new(&network, "two", &Spec::default());
    assert_ne!(one.record.lease.subnet, two.record.lease.subnet);
    let port = mirror(&two.net, "0.0.0.0:0").port();
    connect(&one.net, (two.address(), port)).unwrap();
}

#[test]
fn a_siblings_end_does_not_disturb_a_static_subnet() {
    let world = World::new();
    let network = world.network(World::settings());
    let one = Container::new(&network, "one", &in_network("10.244.0.2/24"));
    let to: SocketAddr = (ip(NEIGHBOUR), mirror(&world.neighbour, "0.0.0.0:0").port()).into();
    for _ in 0..3 {
        let two = Container::new(&network, "two", &in_network("10.244.0.3/24"));
        assert_eq!(connect(&two.net, to), Ok(ip(HOST)));
        assert!(network.destroy("two").unwrap());
        assert_eq!(connect(&one.net, to), Ok(ip(HOST)));
    }
}

#[test]
fn a_neighbour_sees_the_hosts_address_unless_told_otherwise() {
    let world = World::new();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let network = world.network(World::settings());
    let container = Container::new(&network, "c", &Spec::default());
    assert_eq!(connect(&container.net, (ip(NEIGHBOUR), port)), Ok(ip(HOST)));
    network.destroy("c").unwrap();
    drop(network);

    world.neighbour.route("10.254.0.0/22", HOST);
    let network = world.network(Settings {
        no_masquerade: vec![AddressRange::from(
            "192.0.2.0/24".parse::<Subnet>().unwrap(),
        )],
        ..World::settings()
    });
    let container = Container::new(&network, "c", &Spec::default());
    let seen = connect(&container.net, (ip(NEIGHBOUR), port));
    assert_eq!(seen, Ok(container.address()));
}

#[test]
fn a_mapped_port_is_reached_from_everywhere_but_other_addresses() {
    let world = World::new();
    let network = world.network(World::settings());
    let one = Container::new(&network, "one", &in_network("10.244.0.2/24"));
    let two = Container::new(&network, "two", &in_network("10.244.0.3/24"));
    let other = Container::new(&network, "other", &Spec::default());
    let inner = mirror(&one.net, "0.0.0.0:0").port();
    let request = MappingRequest {
        container_port: inner,
        ..MappingRequest::default()
    };
    let mapping = network.net_in("one", request).unwrap();
    assert_eq!((mapping.host_port, mapping.container_port), (61001, inner));
    let at_host: SocketAddr = (ip(HOST), mapping.host_port).into();
    // From outside the container sees who it was.
    assert_eq!(connect(&world.neighbour, at_host), Ok(ip(NEIGHBOUR)));
    assert_eq!(connect(&world.host, at_host), Ok(ip(HOST)));
    connect(&other.net, at_host).unwrap();
    // In the same subnet, and to itself, the answer has to come back by way of the host.
    connect(&two.net, at_host).unwrap();
    connect(&one.net, at_host).unwrap();
    // The bridge's address is not an external one.
    let at_bridge = (ip("10.244.0.1"), mapping.host_port);
    assert_eq!(
        connect(&world.host, at_bridge),
        Err(ErrorKind::ConnectionRefused)
    );

    let named = MappingRequest {
        host_port: 80,
        container_port: inner,
        ..MappingRequest::default()
    };
    network.net_in("one", named).unwrap();
    assert_eq!(network.net_in("one", named).unwrap().host_port, 80);
    connect(&world.neighbour, (ip(HOST), 80)).unwrap();
    let taken = network.net_in("two", named).unwrap_err();
    assert_eq!(taken.to_string(), "host port 80 is already mapped");
    let same = network.net_in("two", MappingRequest::default()).unwrap();
    assert_eq!((same.host_port, same.container_port), (61002, 61002));

    network.destroy("one").unwrap();
    let gone = connect(&world.neighbour, at_host);
    assert_eq!(gone, Err(ErrorKind::ConnectionRefused));
}

#[test]
fn a_udp_port_is_mapped_too() {
    let world = World::new();
    let network = world.network(World::settings());
    let spec = Spec {
        net_in: vec![MappingRequest {
            transport: Transport::Udp,
            host_port: 53,
            container_port: 5353,
        }],
        ..Spec::default()
    };
    let container = Container::new(&network, "c", &spec);
    let receiver = container
        .net
        .inside(|| std::net::UdpSocket::bind("0.0.0.0:5353"))
        .unwrap();
    let again = std::time::Duration::from_millis(200);
    receiver.set_read_timeout(Some(again)).unwrap();
    let sender = world
        .neighbour
        .inside(|| std::net::UdpSocket::bind("0.0.0.0:0"))
        .unwrap();
    // A datagram may be lost while links come up.
    let deadline = std::time::Instant::now() + LONG;
    let from = loop {
        sender.send_to(b"x", (ip(HOST), 53)).unwrap();
        match receiver.recv_from(&mut [0; 8]) {
            Ok((_, from)) => break from,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
    };
    assert_eq!(from.ip(), ip(NEIGHBOUR));
}

#[test]
fn ipv6_goes_every_way_ipv4_goes() {
    let world = World::new();
    let network = world.network(Settings {
        ipv6: Some(Ipv6Prefix::new("fd00:77::".parse().unwrap())),
        ..World::settings()
    });
    let one = Container::new(&network, "one", &in_network("10.244.0.2/24"));
    let two = Container::new(&network, "two", &in_network("10.244.0.3/24"));
    let other = Container::new(&network, "other", &Spec::default());
    assert_eq!(
        one.record.address6(),
        Some("fd00:77::af4:2".parse().unwrap())
    );
    let port = mirror(&one.net, "[::]:0").port();
    let to_one: SocketAddr = (ip("fd00:77::af4:2"), port).into();
    assert_eq!(connect(&two.net, to_one), Ok(ip("fd00:77::af4:3")));
    connect(&other.net, to_one).unwrap();
    let out = mirror(&world.neighbour, "[::]:0").port();
    assert_eq!(connect(&one.net, (ip(NEIGHBOUR6), out)), Ok(ip(HOST6)));
    let mapping = network
        .net_in(
            "one",
            MappingRequest {
                container_port: port,
                ..MappingRequest::default()
            },
        )
        .unwrap();
    let at_host: SocketAddr = (ip(HOST6), mapping.host_port).into();
    assert_eq!(connect(&world.neighbour, at_host), Ok(ip(NEIGHBOUR6)));
    connect(&world.host, at_host).unwrap();
    connect(&two.net, at_host).unwrap();
}

#[test]
fn the_host_is_closed_unless_opened() {
    let world = World::new();
    let port = mirror(&world.host, "0.0.0.0:0").port();
    let network = world.network(World::settings());
    let container = Container::new(&network, "c", &Spec::default());
    let gateway: SocketAddr = (container.record.lease.subnet.gateway(), port).into();
    let external: SocketAddr = (ip(HOST), port).into();
    for address in [gateway, external] {
        assert_eq!(
            connect(&container.net, address),
            Err(ErrorKind::HostUnreachable)
        );
    }
    // What the host begins may be answered.
    let inner = mirror(&container.net, "0.0.0.0:0").port();
    connect(&world.host, (container.address(), inner)).unwrap();
    // Others reach the host as ever.
    connect(&world.neighbour, external).unwrap();
    drop(network);

    let network = world.network(Settings {
        dns_on_gateway: true,
        ..World::settings()
    });
    let dns: SocketAddr = (container.record.lease.subnet.gateway(), 53).into();
    assert!(datagrams_arrive(LONG, &container.net, &world.host, dns));
    assert_eq!(
        connect(&container.net, gateway),
        Err(ErrorKind::HostUnreachable)
    );
    drop(network);

    let network = world.network(Settings {
        allow_host_access: true,
        ..World::settings()
    });
    for address in [gateway, external] {
        assert_eq!(connect(&container.net, address), Ok(container.address()));
    }
    drop(network);
}

#[test]
fn a_source_that_is_not_the_containers_own_goes_nowhere() {
    let world = World::new();
    let network = world.network(World::settings());
    let container = Container::new(&network, "c", &in_network("10.244.0.2/24"));
    let end = format!("w{}-1", container.record.id());
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    connect(&container.net, (ip(NEIGHBOUR), port)).unwrap();
    container.net.address(&end, "10.244.0.9/24");
    container.net.ip(&[
        "route",
        "replace",
        "default",
        "via",
        "10.244.0.1",
        "src",
        "10.244.0.9",
    ]);
    let spoofed = connect_within(BRIEF, &container.net, (ip(NEIGHBOUR), port));
    assert_eq!(spoofed, Err(ErrorKind::TimedOut));
}

#[test]
fn foreign_tables_stay_as_they_are_and_those_that_drop_are_told() {
    let world = World::new();
    // As dockerd leaves it on a host with iptables-nft.
    let docker = "table ip filter {
        chain DOCKER-USER { counter return; }
        chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
    }";
    world.host.run(&["nft", docker]).success();
    let before = world.rules();
    let network = world.network(World::settings());
    let container = Container::new(&network, "c", &Spec::default());
    let to: SocketAddr = (ip(NEIGHBOUR), mirror(&world.neighbour, "0.0.0.0:0").port()).into();
    let dropped = connect_within(BRIEF, &container.net, to);
    assert_eq!(dropped, Err(ErrorKind::TimedOut));

    let tag = network.settings().tag;
    let drops = foreign::forward_drops(&mut world.nft(), tag).unwrap();
    let [drop] = drops.as_slice() else {
        panic!("{drops:?}")
    };
    let text = drop.to_string();
    assert_eq!(
        text,
        "chain FORWARD of table ip filter drops forwarded packets by policy"
    );
    let remedy = drop.remedy(tag);
    assert!(
        remedy.starts_with("iptables -I DOCKER-USER -i w+ -j ACCEPT"),
        "{remedy}"
    );
    // The same two rules, without the iptables program.
    for direction in ["iifname", "oifname"] {
        let rule = format!("insert rule ip filter DOCKER-USER {direction} \"w*\" accept");
        world.host.run(&["nft", &rule]).success();
    }
    assert_eq!(connect(&container.net, to), Ok(ip(HOST)));

    world
        .host
        .run(&["nft", "flush chain ip filter DOCKER-USER"])
        .success();
    world
        .host
        .run(&["nft", "add rule ip filter DOCKER-USER counter return"])
        .success();
    network.destroy("c").unwrap();
    assert_eq!(world.rules(), before);
    let none = foreign::forward_drops(&mut World::new().nft(), tag).unwrap();
    assert_eq!(none, []);
}

#[test]
fn settings_can_be_taken_from_the_host() {
    let world = World::new();
    world.host.route("default", NEIGHBOUR);
    let found = world.host.inside(host::external_address).unwrap();
    assert_eq!(found, ip(HOST));
    world.host.ip(&["link", "set", "up0", "mtu", "1380"]);
    let mut links = world.host.inside(Rtnetlink::open).unwrap();
    assert_eq!(host::mtu(&mut links, found).unwrap(), 1380);
    world.host.ip(&["link", "set", "up0", "mtu", "9000"]);
    assert_eq!(host::mtu(&mut links, found).unwrap(), 1500);
    let lost = host::mtu(&mut links, ip("203.0.113.1")).unwrap_err();
    assert_eq!(
        lost.to_string(),
        "there is no link with the address 203.0.113.1"
    );
}

#[test]
fn forwarding_is_switched_on_when_asked_and_told() {
    let net = warren_tests_harness::NetNs::new();
    let root = std::path::Path::new("/proc/sys");
    let changed = net
        .inside(|| sysctl::enable_forwarding(root, true))
        .unwrap();
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert!(
        changed
            .iter()
            .all(|each| each.was == "0" && each.now == "1")
    );
    let again = net
        .inside(|| sysctl::enable_forwarding(root, true))
        .unwrap();
    assert_eq!(again, []);
}
