//! Plans against a kernel made of a struct: every start and every interruption ends the same.

use proptest::prelude::*;

use super::*;
use crate::record::Phase;
use crate::subnet::Lease;

fn record() -> Record {
    Record {
        handle: "c".to_owned(),
        phase: Phase::Creating,
        request: String::new(),
        lease: Lease {
            subnet: "10.254.0.0/30".parse().unwrap(),
            address: "10.254.0.2".parse().unwrap(),
        },
        ipv6: Some(crate::address::Ipv6Prefix::new("fd00::".parse().unwrap())),
        mtu: 1400,
        mappings: Vec::new(),
        net_out: Vec::new(),
    }
}

fn link(name: &str, kind: &str, index: u32) -> Seen {
    Seen {
        link: LinkInfo {
            index,
            name: name.to_owned(),
            kind: Some(kind.to_owned()),
            is_up: false,
            is_ready: false,
            mtu: 1400,
            mac: None,
            group: 0,
            master: None,
            is_hairpin: false,
            traffic: crate::link::Traffic::default(),
        },
        addresses: Vec::new(),
    }
}

/// What the kernel does with a step; panics where it would refuse.
fn act(world: &mut Observed, names: &Names, step: &Step) {
    fn find<'a>(world: &'a mut Observed, names: &Names, name: &str) -> &'a mut Seen {
        let slot = if name == names.bridge {
            &mut world.bridge
        } else if name == names.host_end {
            &mut world.host_end
        } else {
            &mut world.container_end
        };
        slot.as_mut().expect("a link that is there")
    }
    match step {
        Step::Rules(_) => {}
        Step::AddBridge(bridge) => {
            assert!(world.bridge.is_none());
            world.bridge = Some(link(&bridge.name, "bridge", 2));
        }
        Step::AddVeth(veth) => {
            assert!(world.host_end.is_none() && world.container_end.is_none());
            world.host_end = Some(link(&veth.name, "veth", 3));
            world.container_end = Some(link(&veth.peer, "veth", 2));
        }
        Step::Delete(name) if *name == names.bridge => world.bridge = None,
        Step::Delete(_) => {
            world.host_end = None;
            world.container_end = None;
            world.gateways.clear();
        }
        Step::DeleteAll(_) | Step::SetAside(_) => panic!("not a step of one container's plan"),
        Step::Attach { link, bridge } => {
            let master = find(world, names, bridge).link.index;
            find(world, names, link).link.master = Some(master);
        }
        Step::Hairpin(link) => {
            let link = &mut find(world, names, link).link;
            assert!(link.master.is_some());
            link.is_hairpin = true;
        }
        Step::ReversePath(link) => assert!(!find(world, names, link).link.is_up),
        Step::Mtu { link, mtu, .. } => find(world, names, link).link.mtu = *mtu,
        Step::Address {
            link,
            address,
            bits,
            ..
        } => find(world, names, link).addresses.push((*address, *bits)),
        Step::Up { link, .. } if link == "lo" => world.is_loopback_up = true,
        Step::Up { link, .. } => find(world, names, link).link.is_up = true,
        Step::Await { link, .. } => {
            let ends = [&world.bridge, &world.host_end, &world.container_end];
            assert!(ends.iter().all(|end| end.as_ref().unwrap().link.is_up));
            find(world, names, link).link.is_ready = true;
        }
        Step::DefaultRoute { link, gateway } => {
            assert!(find(world, names, link).link.is_up);
            world.gateways.push(*gateway);
        }
    }
}

fn run(world: &mut Observed, steps: usize) {
    let (settings, record) = (Settings::default(), record());
    let names = Names::of(&settings, &record);
    for step in set_up(&settings, &record, world)
        .unwrap()
        .iter()
        .take(steps)
    {
        act(world, &names, step);
    }
}

fn complete() -> Observed {
    let mut world = Observed::default();
    run(&mut world, usize::MAX);
    world
}

#[test]
fn a_complete_network_needs_its_rules_only() {
    let steps = set_up(&Settings::default(), &record(), &complete()).unwrap();
    assert!(matches!(steps.as_slice(), [Step::Rules(_)]), "{steps:?}");
}

#[test]
fn rules_come_first_and_go_after_the_link() {
    let steps = set_up(&Settings::default(), &record(), &Observed::default()).unwrap();
    assert!(matches!(steps.first(), Some(Step::Rules(_))));
    let steps = tear_down(&Settings::default(), &record(), &complete(), Others::None).unwrap();
    assert!(matches!(
        steps.as_slice(),
        [Step::Delete(_), Step::Rules(_), Step::Delete(_)]
    ));
    let shared = tear_down(
        &Settings::default(),
        &record(),
        &complete(),
        Others::InSubnet,
    );
    assert!(matches!(
        shared.unwrap().as_slice(),
        [Step::Delete(_), Step::Rules(_)]
    ));
}

#[test]
fn half_a_pair_is_made_anew() {
    let mut world = complete();
    world.container_end = None;
    world.gateways.clear();
    run(&mut world, usize::MAX);
    assert_eq!(world, complete());
}

#[test]
fn a_link_of_another_kind_is_not_touched() {
    let mut world = Observed {
        bridge: Some(link("wbrdg-0afe0000", "vlan", 9)),
        ..Observed::default()
    };
    let error = set_up(&Settings::default(), &record(), &world).unwrap_err();
    assert!(
        error.to_string().contains("is a vlan, not a bridge"),
        "{error}"
    );
    tear_down(&Settings::default(), &record(), &world, Others::None).unwrap_err();
    world.bridge = None;
    world.host_end = Some(link("w-0", "dummy", 9));
    tear_down(&Settings::default(), &record(), &world, Others::None).unwrap_err();
}

proptest! {
    #[test]
    fn interrupted_and_repeated_it_converges(
        stops in proptest::collection::vec(0_usize..16, 0..6),
    ) {
        let mut world = Observed::default();
        for stop in stops {
            run(&mut world, stop);
        }
        run(&mut world, usize::MAX);
        prop_assert_eq!(world, complete());
    }
}
