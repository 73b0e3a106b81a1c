//! Containers in containers, made of namespaces and cgroups alone, for the nested tests.
//!
//! A [`Container`] has its own net, mount and pid namespaces, with or without a cgroup
//! namespace, and a cgroup below its parent's. [`Container::process`] puts a process into a
//! cgroup of it, which is how an agent, its siblings and jobs come about. [`Network`] connects
//! it to a peer that plays the NATS server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use warren_tests_harness::{Actor, ActorBuilder, Connected, NetNs, Ns, Sandbox, veth};

/// Long enough for a connection on this machine, short enough for one that is dropped.
pub const SOON: Duration = Duration::from_millis(1500);

/// Where monit listens.
pub const MONIT: &str = "127.0.0.1:2822";
/// Where the peer's NATS listens.
pub const NATS: &str = "10.99.0.1:4222";
/// The same server by IPv6.
pub const NATS6: &str = "[fd99::1]:4222";

/// What a container sees of cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The host's mounts, in the host's cgroup namespace: how Garden binds `/sys/fs/cgroup`,
    /// and a Kubernetes pod that is privileged.
    HostBound,
    /// A private cgroup namespace and a mount made in it.
    Private,
    /// A private cgroup namespace, its mount read-only: Docker's and Kubernetes' default.
    PrivateReadOnly,
    /// A private cgroup namespace, but the mounts are the host's.
    PrivateWithHostMounts,
    /// The host's cgroup namespace and no cgroup mount.
    NoMount,
    /// A private cgroup namespace and no cgroup mount.
    PrivateNoMount,
    /// A private cgroup namespace, and mounts of cgroup v1 controllers alone.
    PrivateOnlyV1,
}

/// A container and where it is.
#[derive(Debug)]
pub struct Container {
    /// Its first process.
    pub actor: Actor,
    /// Its cgroup, as the machine sees it.
    pub cgroup: PathBuf,
}

impl Container {
    /// A container on the machine, in the cgroup `name` of the sandbox.
    #[track_caller]
    pub fn on(sandbox: &Sandbox, name: &str, view: View) -> Container {
        let cgroup = sandbox.child_cgroup(name);
        let actor = builder(view).cgroup(&cgroup).spawn();
        Container { actor, cgroup }
    }

    /// A container inside this one, made by a process of this one, in the cgroup `name` below
    /// its own, which that process sees as `seen_cgroup`.
    #[track_caller]
    pub fn nest(&self, name: &str, view: View, seen_cgroup: &Path) -> Container {
        let cgroup = self.cgroup.join(name);
        self.actor.make_directory(seen_cgroup);
        let actor = builder(view).cgroup(seen_cgroup).spawn_in(&self.actor);
        Container { actor, cgroup }
    }

    /// A process of the container, in the cgroup `name` below the container's; `""` for the
    /// container's own.
    #[track_caller]
    pub fn process(&self, name: &str) -> ActorBuilder {
        let cgroup = self.cgroup.join(name);
        if let Err(error) = std::fs::create_dir_all(&cgroup) {
            panic!("cannot make {}: {error}", cgroup.display());
        }
        // The cgroup is entered first, from outside: inside there may be no mount to do it by.
        let inside = |builder: ActorBuilder, ns| builder.join_actor(ns, &self.actor);
        [Ns::Cgroup, Ns::Net, Ns::Mount, Ns::Pid]
            .into_iter()
            .fold(ActorBuilder::new().cgroup(cgroup), inside)
    }
}

fn builder(view: View) -> ActorBuilder {
    let host = || ActorBuilder::new().unshare(&[Ns::Net, Ns::Mount, Ns::Pid]);
    let private = ActorBuilder::contained;
    match view {
        View::HostBound => host(),
        View::NoMount => host().without_cgroup_mounts(),
        View::Private => private().fresh_cgroup2(),
        View::PrivateReadOnly => private().fresh_cgroup2().read_only("/sys/fs/cgroup"),
        View::PrivateWithHostMounts => private(),
        View::PrivateNoMount => private().without_cgroup_mounts(),
        View::PrivateOnlyV1 => private().only_cgroup_v1(),
    }
}

/// A network namespace for a container, connected to a peer where NATS listens.
#[derive(Debug)]
pub struct Network {
    /// The container's side.
    pub net: NetNs,
    /// The NATS server's side.
    pub peer: NetNs,
    /// The server.
    pub nats: Actor,
}

impl Network {
    /// Connects a container's network namespace to a new NATS peer, by both address families.
    #[track_caller]
    pub fn of(container: &Container) -> Network {
        let (net, peer) = (NetNs::of(&container.actor), NetNs::new());
        veth(
            (&net, "eth0", Some("10.99.0.2/24")),
            (&peer, "eth0", Some("10.99.0.1/24")),
        );
        net.address("eth0", "fd99::2/64");
        peer.address("eth0", "fd99::1/64");
        let nats = ActorBuilder::new().join_net(&peer).spawn();
        nats.listen(address(NATS));
        nats.listen(address(NATS6));
        Network { net, peer, nats }
    }
}

/// Parses an address the test wrote.
#[track_caller]
pub fn address(text: &str) -> SocketAddr {
    match text.parse() {
        Ok(address) => address,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// Asserts what becomes of a connection from this process to each place.
#[track_caller]
pub fn assert_reaches(actor: &Actor, who: &str, places: &[&str], expected: Connected) {
    for place in places {
        let seen = actor.connect(address(place), SOON);
        assert_eq!(seen, expected, "{who} to {place}");
    }
}

/// The places that randomised tests keep under fire.
pub const PLACES_UNDER_FIRE: [&str; 3] = [MONIT, NATS, NATS6];

/// A small random number generator (xorshift64*), so that a run can be repeated.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Seeded by `WARREN_TEST_SEED`, or by the clock; prints the seed.
    ///
    /// # Panics
    /// If the variable is no number.
    #[track_caller]
    pub fn from_environment() -> Random {
        let now = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| now.subsec_nanos().into())
        };
        let seed = match std::env::var("WARREN_TEST_SEED") {
            Ok(text) => match text.parse() {
                Ok(seed) => seed,
                Err(error) => panic!("WARREN_TEST_SEED={text}: {error}"),
            },
            Err(_) => now(),
        };
        println!("WARREN_TEST_SEED={seed}");
        // Zero is the generator's one fixed point.
        Random(seed.max(1))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound.max(1)
    }
}
