//! Removal in the background: nobody meets what is leaving, and nothing stays.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use warren_container_network::apply::{self, Execute, Kernel};
use warren_container_network::link::LinkInfo;
use warren_container_network::plan::{Names, Observed, Step};
use warren_container_network::record::Phase;
use warren_container_network::{Error, MappingRequest, Network, Spec};
use warren_tests_harness::NetNs;

use crate::lifecycle::dying_executor;
use crate::world::{Container, HOST, LONG, NEIGHBOUR, World, connect, in_network, ip, mirror};

fn spec() -> Spec {
    Spec {
        network: "10.244.0.7/24".to_owned(),
        net_in: vec![MappingRequest {
            host_port: 4000,
            container_port: 80,
            ..MappingRequest::default()
        }],
        ..Spec::default()
    }
}

fn unexpected(handle: &str, error: &Error) {
    panic!("{handle}: {error}");
}

/// A network that removes in the background what leaves.
fn with_remover() -> (World, Network) {
    let world = World::new();
    let mut network = world.network(World::settings());
    let kernel = Box::new(world.kernel());
    network
        .remove_in_background(kernel, Box::new(unexpected))
        .unwrap();
    (world, network)
}

#[test]
fn the_same_container_comes_back_at_once() {
    let world = World::new();
    let mut network = world.network(World::settings());
    let kernel = Box::new(world.kernel());
    network
        .remove_in_background(kernel, Box::new(unexpected))
        .unwrap();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    for _ in 0..20 {
        let container = Container::new(&network, "c", &spec());
        mirror(&container.net, "0.0.0.0:80");
        connect(&container.net, (ip(NEIGHBOUR), port)).unwrap();
        connect(&world.neighbour, (ip(HOST), 4000)).unwrap();
        assert!(network.destroy_soon("c").unwrap());
        // Told twice is done once.
        network.destroy_soon("c").unwrap();
    }
    network.settle();
    assert!(!network.destroy_soon("c").unwrap());
    world.assert_clean();
}

#[test]
fn a_sibling_keeps_its_bridge_while_another_leaves() {
    let (world, network) = with_remover();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let other = Spec {
        network: "10.244.0.8/24".to_owned(),
        ..Spec::default()
    };
    let stays = Container::new(&network, "stays", &other);
    for _ in 0..10 {
        let _leaves = Container::new(&network, "leaves", &spec());
        network.destroy_soon("leaves").unwrap();
        connect(&stays.net, (ip(NEIGHBOUR), port)).unwrap();
    }
    network.settle();
    connect(&stays.net, (ip(NEIGHBOUR), port)).unwrap();
    network.destroy_soon("stays").unwrap();
    // Dropping finishes what was begun.
    drop(network);
    world.assert_clean();
}

/// Until there is no record.
fn until_gone(network: &Network) {
    let deadline = Instant::now() + LONG;
    while !network.list().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", network.list());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_bridge_is_there_for_the_next_one_and_goes_when_it_is_quiet() {
    let (world, network) = with_remover();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let bridge = |container: &Container| {
        let name = network.settings().tag.bridge(container.record.lease.subnet);
        let mut links = world.kernel();
        links.link(&name).unwrap().unwrap().index
    };
    let deadline = Instant::now() + LONG;
    let mut before = None;
    loop {
        let container = Container::new(&network, "c", &Spec::default());
        connect(&container.net, (ip(NEIGHBOUR), port)).unwrap();
        let now = Some(bridge(&container));
        network.destroy_soon("c").unwrap();
        // On a machine that stood still meanwhile it has gone already.
        if std::mem::replace(&mut before, now) == now {
            break;
        }
        assert!(Instant::now() < deadline, "always another bridge");
        until_gone(&network);
    }
    // Nobody asks for it.
    while world.links().len() > 2 {
        assert!(Instant::now() < deadline, "{:?}", world.links());
        std::thread::sleep(Duration::from_millis(10));
    }
    // The table goes with the last of them, and right after it.
    network.settle();
    world.assert_clean();
}

#[test]
fn a_bridge_makes_way_for_a_subnet_that_overlaps_its_own() {
    let (world, network) = with_remover();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    for wanted in ["10.244.0.7/24", "10.244.0.7/16", "10.244.0.7/25"] {
        let container = Container::new(&network, "c", &in_network(wanted));
        connect(&container.net, (ip(NEIGHBOUR), port)).unwrap();
        let links = world.links();
        let bridges = links.iter().filter(|name| name.starts_with("wbrdg-"));
        assert_eq!(bridges.count(), 1, "{links:?}");
        network.destroy_soon("c").unwrap();
        until_gone(&network);
    }
    network.settle();
    world.assert_clean();
}

#[test]
fn a_start_removes_the_bridges_that_one_before_set_aside() {
    let world = World::new();
    let network = world.network(World::settings());
    let _container = Container::new(&network, "c", &Spec::default());
    drop(network);
    let aside = 0x7761_7261.to_string();
    for (name, group) in [
        ("wbrdg-0afe0010", aside.as_str()),
        ("wxbrdg-0afe0010", &aside),
        ("wbrdg-0afe0020", "0"),
        ("mine", &aside),
    ] {
        world.host.ip(&["link", "add", name, "type", "bridge"]);
        world.host.ip(&["link", "set", name, "group", group]);
    }
    // It is in use: the server before died between two steps.
    let used = ["link", "set", "wbrdg-0afe0000", "group", &aside];
    world.host.ip(&used);
    let (network, recovered) = world.reopen(World::settings());
    assert!(recovered.failed.is_empty(), "{recovered:?}");
    let mut links = world.links();
    links.retain(|name| name.contains("brdg-") || name == "mine");
    links.sort();
    let stay = [
        "mine",
        "wbrdg-0afe0000",
        "wbrdg-0afe0020",
        "wxbrdg-0afe0010",
    ];
    assert_eq!(links, stay);
    network.destroy("c").unwrap();
}

/// The kernel, which says before it deletes links and waits for a word.
struct Slow {
    kernel: Kernel,
    begun: Sender<()>,
    go: Receiver<()>,
}

impl Execute for Slow {
    fn observe(
        &mut self,
        names: &Names,
        container: Option<BorrowedFd<'_>>,
    ) -> Result<Observed, apply::Error> {
        self.kernel.observe(names, container)
    }

    fn execute(
        &mut self,
        step: &Step,
        container: Option<BorrowedFd<'_>>,
    ) -> Result<(), apply::Error> {
        if matches!(step, Step::DeleteAll(_)) {
            self.begun.send(()).unwrap();
            self.go.recv().unwrap();
        }
        self.kernel.execute(step, container)
    }

    fn link(&mut self, name: &str) -> Result<Option<LinkInfo>, apply::Error> {
        self.kernel.link(name)
    }

    fn aside(&mut self) -> Result<Vec<String>, apply::Error> {
        self.kernel.aside()
    }
}

#[test]
fn the_bridge_goes_with_siblings_that_leave_at_the_same_time_in_two_ways() {
    let world = World::new();
    let mut network = world.network(World::settings());
    let ((begun, has_begun), (go, may_go)) = (channel(), channel());
    let slow = Slow {
        kernel: world.kernel(),
        begun,
        go: may_go,
    };
    network
        .remove_in_background(Box::new(slow), Box::new(unexpected))
        .unwrap();
    let sibling = Spec {
        network: "10.244.0.8/24".to_owned(),
        ..Spec::default()
    };
    let _soon = Container::new(&network, "soon", &spec());
    let _now = Container::new(&network, "now", &sibling);
    network.destroy_soon("soon").unwrap();
    // To the one the other is still there, and the other way round.
    has_begun.recv().unwrap();
    assert!(network.destroy("now").unwrap());
    go.send(()).unwrap();
    network.settle();
    assert!(network.list().is_empty());
    world.assert_clean();
}

#[test]
fn a_removal_that_fails_in_the_background_can_be_repeated_and_a_restart_finishes_it() {
    let world = World::new();
    let mut network = world.network(World::settings());
    let (executor, left) = dying_executor(&world, true);
    let reports = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reports);
    let report = move |handle: &str, _: &Error| {
        assert_eq!(handle, "c");
        count.fetch_add(1, Ordering::SeqCst);
    };
    network
        .remove_in_background(Box::new(executor), Box::new(report))
        .unwrap();
    let _container = Container::new(&network, "c", &spec());
    left.store(0, Ordering::SeqCst);
    assert!(network.destroy_soon("c").unwrap());
    network.settle();
    assert_eq!(network.get("c").unwrap().phase, Phase::Removing);
    assert_eq!(reports.load(Ordering::SeqCst), 1);
    // The next that leaves takes it along.
    let other = Container::new(&network, "other", &Spec::default());
    network.destroy_soon("other").unwrap();
    network.settle();
    assert!(network.list().is_empty());
    drop(other);
    world.assert_clean();
    let _container = Container::new(&network, "c", &spec());
    left.store(0, Ordering::SeqCst);
    network.destroy_soon("c").unwrap();
    network.settle();
    let net = NetNs::new();
    let net = std::fs::File::open(net.path()).unwrap();
    // A new one of the same name begins with the removal of what is left.
    let again = network.create("c", &spec(), std::os::fd::AsFd::as_fd(&net));
    assert!(again.is_ok(), "{again:?}");
    left.store(0, Ordering::SeqCst);
    network.destroy_soon("c").unwrap();
    drop(network);
    let (network, recovered) = world.reopen(World::settings());
    assert_eq!(recovered.removed, ["c"]);
    assert!(network.get("c").is_none());
    assert!(matches!(
        network.net_in("c", MappingRequest::default()),
        Err(Error::Unknown { .. })
    ));
    world.assert_clean();
}
