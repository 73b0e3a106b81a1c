//! Making, repeating, interrupting, removing; and many at once.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use warren_container_network::address::Ipv6Prefix;
use warren_container_network::apply::{self, Execute, Kernel};
use warren_container_network::link::LinkInfo;
use warren_container_network::plan::{Names, Observed, Step};
use warren_container_network::record::Phase;
use warren_container_network::{Error, MappingRequest, Network, Settings, Spec};
use warren_tests_harness::{Leaks, NetNs};

use crate::world::{Container, NEIGHBOUR, World, connect, create, in_network, ip, mirror};

fn full() -> Spec {
    Spec {
        network: "10.244.0.0/24".to_owned(),
        net_in: vec![MappingRequest::default()],
        net_out: vec![Default::default()],
    }
}

fn settings() -> Settings {
    Settings {
        ipv6: Some(Ipv6Prefix::new("fd00:77::".parse().unwrap())),
        ..World::settings()
    }
}

/// Links, addresses, routes and rules, as text that is the same for the same network.
fn picture(world: &World, net: &NetNs) -> String {
    let ip = |net: &NetNs| {
        let text = net.ip(&["-o", "address"]) + &net.ip(&["route"]) + &net.ip(&["-6", "route"]);
        // Numbers of links and link-local addresses of new ends differ from time to time.
        let lines = text.lines().filter(|line| !line.contains("fe80"));
        let lines = lines.map(|line| line.split_once(": ").map_or(line, |(_, rest)| rest));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    ip(&world.host) + &ip(net) + &world.rules()
}

#[test]
fn twice_is_once() {
    let world = World::new();
    let network = world.network(settings());
    let container = Container::new(&network, "c", &full());
    let before = picture(&world, &container.net);
    let again = create(&network, "c", &full(), &container.net).unwrap();
    assert_eq!(again, container.record);
    assert_eq!(picture(&world, &container.net), before);
    let error = create(&network, "c", &Spec::default(), &container.net).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    assert!(network.destroy("c").unwrap());
    assert!(!network.destroy("c").unwrap());
    world.assert_clean();
}

#[test]
fn nothing_is_left_of_many_kinds() {
    let world = World::new();
    let leaks = Leaks::snapshot_in(&world.host);
    let network = world.network(settings());
    let containers: Vec<_> = ["10.244.0.0/24", "10.244.0.9/24", "", "", "10.245.0.0/30"]
        .iter()
        .enumerate()
        .map(|(index, net)| {
            let spec = Spec {
                network: (*net).to_owned(),
                ..full()
            };
            Container::new(&network, &format!("c{index}"), &spec)
        })
        .collect();
    network.net_in("c1", MappingRequest::default()).unwrap();
    for (index, container) in containers.into_iter().enumerate() {
        // Half of them have lost their network namespace before.
        if index % 2 == 0 {
            drop(container);
        }
        network.destroy(&format!("c{index}")).unwrap();
    }
    leaks.assert_same();
    world.assert_clean();
}

#[test]
fn a_network_whose_links_were_lost_is_mended() {
    let world = World::new();
    let network = world.network(settings());
    let container = Container::new(&network, "c", &full());
    let before = picture(&world, &container.net);
    let id = container.record.id();
    for lost in [format!("w{id}-0"), "wbrdg-0af40000".to_owned()] {
        world.host.ip(&["link", "delete", &lost]);
        create(&network, "c", &full(), &container.net).unwrap();
        assert_eq!(
            picture(&world, &container.net),
            before,
            "after {lost} was lost"
        );
    }
    world.host.run(&["nft", "flush", "ruleset"]).success();
    network.reload_rules().unwrap();
    assert_eq!(picture(&world, &container.net), before);
    network.destroy("c").unwrap();
    world.host.run(&["nft", "flush", "ruleset"]).success();
    world.assert_clean();
}

#[test]
fn a_restart_finds_everything_and_ports_stay_taken() {
    let world = World::new();
    let network = world.network(settings());
    let container = Container::new(&network, "c", &full());
    let port = mirror(&container.net, "0.0.0.0:0").port();
    let request = MappingRequest {
        container_port: port,
        ..MappingRequest::default()
    };
    let mapping = network.net_in("c", request).unwrap();
    let before = picture(&world, &container.net);
    drop(network);
    let (network, recovered) = world.reopen(settings());
    assert_eq!(recovered.kept, ["c"]);
    assert_eq!(picture(&world, &container.net), before);
    connect(
        &world.neighbour,
        (ip(crate::world::HOST), mapping.host_port),
    )
    .unwrap();
    let next = network.net_in("c", MappingRequest::default()).unwrap();
    assert_eq!(next.host_port, mapping.host_port + 1);
    let error = Container::try_new(&network, "d", &in_network("10.244.0.2/24"))
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the requested IP 10.244.0.2 is already in use"
    );
}

/// The kernel, dead after some number of steps: whatever is asked after that fails.
struct Dying {
    kernel: Kernel,
    left: Arc<AtomicUsize>,
    /// Whether it works again after one failure, as a kernel does that refuses one step.
    recovers: bool,
}

impl Dying {
    fn step(&self) -> Result<(), apply::Error> {
        let left = self.left.load(Ordering::SeqCst);
        match left {
            0 => {
                if self.recovers {
                    self.left.store(usize::MAX, Ordering::SeqCst);
                }
                Err(apply::Error::NoContainer)
            }
            usize::MAX => Ok(()),
            _ => {
                self.left.store(left - 1, Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

impl Execute for Dying {
    fn observe(
        &mut self,
        names: &Names,
        container: Option<BorrowedFd<'_>>,
    ) -> Result<Observed, apply::Error> {
        self.step()?;
        self.kernel.observe(names, container)
    }

    fn execute(
        &mut self,
        step: &Step,
        container: Option<BorrowedFd<'_>>,
    ) -> Result<(), apply::Error> {
        self.step()?;
        self.kernel.execute(step, container)
    }

    fn link(&mut self, name: &str) -> Result<Option<LinkInfo>, apply::Error> {
        self.kernel.link(name)
    }

    fn aside(&mut self) -> Result<Vec<String>, apply::Error> {
        self.kernel.aside()
    }
}

/// An executor that works as many steps as the counter says.
pub fn dying_executor(world: &World, recovers: bool) -> (impl Execute + 'static, Arc<AtomicUsize>) {
    let left = Arc::new(AtomicUsize::new(usize::MAX));
    let executor = Dying {
        kernel: world.kernel(),
        left: Arc::clone(&left),
        recovers,
    };
    (executor, left)
}

fn dying(world: &World, steps: usize, recovers: bool) -> (Network, Arc<AtomicUsize>) {
    let (executor, left) = dying_executor(world, recovers);
    let (network, _) = Network::open(settings(), world.state.path(), Box::new(executor)).unwrap();
    left.store(steps, Ordering::SeqCst);
    (network, left)
}

#[test]
fn a_death_at_any_step_is_cleaned_up_by_the_next_start() {
    let world = World::new();
    let mut creations = 0;
    for steps in 0.. {
        let (network, left) = dying(&world, steps, false);
        let net = NetNs::new();
        let created = create(&network, "c", &full(), &net);
        drop(network);
        let (network, recovered) = world.reopen(settings());
        if created.is_ok() && left.load(Ordering::SeqCst) > 0 {
            assert_eq!(recovered.kept, ["c"]);
            creations = steps;
            network.destroy("c").unwrap();
            world.assert_clean();
            break;
        }
        if created.is_err() {
            assert_eq!(recovered.removed, ["c"], "after {steps} steps");
            world.assert_clean();
        }
        // And the same again, to its end.
        create(&network, "c", &full(), &net).unwrap();
        network.destroy("c").unwrap();
        world.assert_clean();
    }
    assert!(creations > 10, "{creations} steps to make a network");
}

#[test]
fn a_refusal_at_any_step_leaves_nothing_and_a_removal_can_be_repeated() {
    let world = World::new();
    for steps in 0.. {
        let (network, _) = dying(&world, steps, true);
        let net = NetNs::new();
        match create(&network, "c", &full(), &net) {
            Err(error) => {
                assert!(!matches!(error, Error::HalfMade { .. }), "{error}");
                assert!(network.get("c").is_none());
                world.assert_clean();
            }
            Ok(_) => {
                network.destroy("c").ok();
                network.destroy("c").unwrap();
                world.assert_clean();
                if steps > 40 {
                    break;
                }
            }
        }
    }
    // Removal interrupted at each of its steps, then repeated.
    for steps in 0..4 {
        let (network, left) = dying(&world, usize::MAX, true);
        let _container = Container::new(&network, "c", &full());
        left.store(steps, Ordering::SeqCst);
        let error = network.destroy("c").unwrap_err();
        assert!(
            matches!(error, Error::Observe { .. } | Error::Step { .. }),
            "{error}"
        );
        assert_eq!(network.get("c").unwrap().phase, Phase::Removing);
        assert!(network.destroy("c").unwrap());
        world.assert_clean();
    }
}

#[test]
fn a_hundred_containers_come_and_go_at_once() {
    const COUNT: usize = 100;
    let world = World::new();
    let mut network = world.network(settings());
    let kernel = Box::new(world.kernel());
    let report = |handle: &str, error: &Error| panic!("{handle}: {error}");
    network
        .remove_in_background(kernel, Box::new(report))
        .unwrap();
    let port = mirror(&world.neighbour, "0.0.0.0:0").port();
    let began = Instant::now();
    let slowest = Mutex::new(Duration::ZERO);
    std::thread::scope(|scope| {
        for worker in 0..10 {
            let (network, world, slowest) = (&network, &world, &slowest);
            scope.spawn(move || {
                let mut held = Vec::new();
                for index in 0..COUNT / 10 {
                    let handle = format!("c-{worker}-{index}");
                    // Some share a subnet, others have one each.
                    let spec = Spec {
                        network: if index % 2 == 0 {
                            full().network
                        } else {
                            String::new()
                        },
                        ..full()
                    };
                    let container = Container::new(network, &handle, &spec);
                    let asked = Instant::now();
                    connect(&container.net, (ip(NEIGHBOUR), port)).unwrap();
                    let mut slowest = slowest.lock().unwrap();
                    *slowest = asked.elapsed().max(*slowest);
                    held.push((handle, container));
                }
                assert!(world.links().len() > 2);
                for (handle, container) in held {
                    let destroyed = if worker % 2 == 0 {
                        network.destroy_soon(&handle)
                    } else {
                        network.destroy(&handle)
                    };
                    assert!(destroyed.unwrap());
                    drop(container);
                }
            });
        }
    });
    network.settle();
    let each = began.elapsed() / u32::try_from(COUNT).unwrap();
    let slowest = slowest.into_inner().unwrap();
    println!("set-up, one connection and teardown: {each:?} each; slowest connection {slowest:?}");
    assert!(network.list().is_empty());
    world.assert_clean();
}
