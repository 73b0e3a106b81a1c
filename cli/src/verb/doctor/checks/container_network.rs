//! Networks of containers: one is made in scratch network namespaces and a packet sent through it.
//!
//! ```text
//! container 198.51.100.2 ──veth── bridge 198.51.100.1 │ router │ 203.0.113.1 ──veth── 203.0.113.2 world
//! ```
//!
//! The addresses are for documentation (RFC 5737). The world has no way back to the container's:
//! what arrives there from the router's address was masqueraded.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use warren_container_network::address::Subnet;
use warren_container_network::link::{Bridge, Change, Mac, Rtnetlink, Veth};
use warren_container_network::settings::Tag;
use warren_container_network::{Settings, foreign, host, pool, sysctl};
use warren_lib_errchain::chain;
use warren_sys_nft::{Batch, Chain, ChainType, Family, Hook, Nft, Policy, Rule, Table, priority};
use warren_sys_process::namespaces::{self, Kind};

use super::{Facts, Finding};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const ROUTER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const WORLD: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
const BITS: u8 = 30;
const BRIDGE: &str = "wdoctorbr";

/// How long a packet may take: links come up in the background, and the machine may be busy. Only
/// where none comes this is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of it, up to the step that failed.
pub struct Probe {
    links: Result<(), String>,
    forwarded: Result<SocketAddr, String>,
}

/// Does it all; the namespaces and what is in them go when the thread ends.
pub fn probe() -> Probe {
    let none = || Err("there is no network to send through".to_owned());
    let done = namespaces::in_new(&[Kind::Net], || match scene() {
        Ok(scene) => Probe {
            links: Ok(()),
            forwarded: through(&scene),
        },
        Err(why) => Probe {
            links: Err(why),
            forwarded: none(),
        },
    });
    done.unwrap_or_else(|error| Probe {
        links: Err(chain(&error)),
        forwarded: none(),
    })
}

struct Scene {
    container: File,
    world: File,
}

fn said<E: std::error::Error>(error: E) -> String {
    chain(&error)
}

/// A network namespace that lives as long as its descriptor.
fn fresh() -> Result<File, String> {
    let opened = namespaces::in_new(&[Kind::Net], || {
        namespaces::open(Path::new("/proc/thread-self"), Kind::Net)
    });
    opened.and_then(|inner| inner).map_err(said)
}

/// Bridge, pairs, addresses and routes, as containers get them.
fn scene() -> Result<Scene, String> {
    let (container, world) = (fresh()?, fresh()?);
    let mac = |last| Mac([0x02, 0, 0, 0, 0, last]);
    let mut here = Rtnetlink::open().map_err(said)?;
    let bridge = Bridge {
        name: BRIDGE.to_owned(),
        mac: mac(1),
        mtu: 1500,
    };
    here.add_bridge(&bridge).map_err(said)?;
    let sides = [
        ("wdoctor0", &container, CONTAINER, Some(GATEWAY), 2),
        ("wdoctor1", &world, WORLD, None, 3),
    ];
    for (name, there, address, gateway, last) in sides {
        let veth = Veth {
            name: name.to_owned(),
            peer: "eth0".to_owned(),
            peer_mac: mac(last),
            mtu: 1500,
        };
        use std::os::fd::AsFd;
        here.add_veth(&veth, Some(there.as_fd())).map_err(said)?;
        here.set(name, &Change::Up).map_err(said)?;
        let mut inside = Rtnetlink::open_in(there.as_fd()).map_err(said)?;
        inside.set("eth0", &Change::Up).map_err(said)?;
        inside
            .add_address("eth0", address.into(), BITS)
            .map_err(said)?;
        if let Some(gateway) = gateway {
            here.set(name, &Change::Master(BRIDGE.to_owned()))
                .map_err(said)?;
            inside.default_route("eth0", gateway.into()).map_err(said)?;
        }
    }
    here.set(BRIDGE, &Change::Up).map_err(said)?;
    here.add_address(BRIDGE, GATEWAY.into(), BITS)
        .map_err(said)?;
    here.add_address("wdoctor1", ROUTER.into(), BITS)
        .map_err(said)?;
    Ok(Scene { container, world })
}

/// Sends a packet from the container to the world; answers where it seems to come from.
fn through(scene: &Scene) -> Result<SocketAddr, String> {
    sysctl::enable_forwarding(Path::new("/proc/sys"), false).map_err(said)?;
    let mut nft = Nft::open().map_err(said)?;
    let table = Table::new(Family::Inet, "warren_doctor");
    let chain = Chain::new(Family::Inet, "warren_doctor", "nat").hooked(
        ChainType::Nat,
        Hook::Postrouting,
        priority::SRCNAT,
        Policy::Accept,
    );
    let mut batch = Batch::new();
    batch.create_table(&table).add_chain(&chain);
    batch.add_rule(&chain, Rule::new().oifname("wdoctor1").masquerade());
    nft.commit(&batch).map_err(said)?;
    let socket = |namespace: &File, address: Ipv4Addr| {
        let bound = namespaces::inside(namespace, Kind::Net, || UdpSocket::bind((address, 0)));
        bound
            .map_err(said)?
            .map_err(|error| format!("binding a socket: {error}"))
    };
    let io = |error: std::io::Error| format!("sending a packet: {error}");
    let (from, to) = (
        socket(&scene.container, CONTAINER)?,
        socket(&scene.world, WORLD)?,
    );
    to.set_read_timeout(Some(Duration::from_millis(5)))
        .map_err(io)?;
    let target = to.local_addr().map_err(io)?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        from.send_to(b"doctor", target).map_err(io)?;
        if let Ok((_, source)) = to.recv_from(&mut [0; 16]) {
            return Ok(source);
        }
    }
    Err("no packet arrived".to_owned())
}

pub fn links(facts: &Facts) -> Finding {
    match &facts.network().links {
        Ok(()) => Finding::pass("a bridge, and veth pairs into two network namespaces"),
        Err(why) => Finding::fail(
            why.clone(),
            "a kernel with CONFIG_VETH and CONFIG_BRIDGE (modprobe veth bridge on the host), and \
             CAP_NET_ADMIN and CAP_SYS_ADMIN",
        ),
    }
}

pub fn masquerade(facts: &Facts) -> Finding {
    let probe = facts.network();
    match &probe.forwarded {
        _ if probe.links.is_err() => {
            Finding::unknown("there is no network to send through", "see container-links")
        }
        Ok(source) if source.ip() == IpAddr::from(ROUTER) => {
            Finding::pass("a packet from a scratch container was forwarded and masqueraded")
        }
        Ok(source) => Finding::fail(
            format!("a packet was forwarded and came from {}", source.ip()),
            "see nft-nat",
        ),
        Err(why) => Finding::fail(
            why.clone(),
            "a writable /proc/sys/net (docker: --security-opt systempaths=unconfined), and on the \
             host the modules of nft-nat",
        ),
    }
}

/// Whether containers' packets may be forwarded here. Below `/proc/sys/net` it is our network
/// namespace that counts.
pub fn forwarding(_: &Facts) -> Finding {
    let root = Path::new("/proc/sys");
    let path = root.join("net/ipv4/ip_forward");
    match sysctl::forwarding_missing(root, false) {
        Err(error) => Finding::unknown(chain(&error), "mount /proc"),
        Ok(missing) if missing.is_empty() => Finding::pass("net.ipv4.ip_forward is 1"),
        // Opening for writing changes nothing.
        Ok(_) => match std::fs::OpenOptions::new().write(true).open(&path) {
            Ok(_) => Finding::pass("net.ipv4.ip_forward is 0; the server switches it on"),
            Err(error) => Finding::warn(
                format!("net.ipv4.ip_forward is 0 and cannot be written: {error}"),
                "sysctl net.ipv4.ip_forward=1 from outside (docker: --sysctl \
                 net.ipv4.ip_forward=1), or a writable /proc/sys",
            ),
        },
    }
}

/// Tables of others that stop forwarded packets, which no rule of ours can undo.
pub fn foreign_drops(_: &Facts) -> Finding {
    let tag = Tag::default();
    let found = Nft::open().and_then(|mut nft| foreign::forward_drops(&mut nft, tag));
    match found {
        Err(error) => Finding::unknown(chain(&error), "see nftables"),
        Ok(drops) => match drops.as_slice() {
            [] => Finding::pass("no chain of others drops what is forwarded"),
            [first, ..] => Finding::warn(
                "containers reach nobody beyond this host",
                first.remedy(tag),
            )
            .and_all(drops.iter().map(ToString::to_string)),
        },
    }
}

/// Which addresses containers would get, and whether they are somebody else's.
pub fn pool(_: &Facts) -> Finding {
    let seen = Rtnetlink::open().and_then(|mut links| host::networks(&mut links));
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => return Finding::unknown(chain(&error), "see nftables"),
    };
    let chosen = pool::choose(&seen).unwrap_or(Settings::default().pool);
    judge_pool(chosen, &seen)
}

fn judge_pool(chosen: Subnet, seen: &[Subnet]) -> Finding {
    let usual = Settings::default().pool;
    let told = |other: &Subnet| format!("{other} is in use here");
    let mut taken: Vec<Subnet> = seen.to_vec();
    taken.sort();
    taken.dedup();
    let first = format!("a server that is given no pool takes {chosen}");
    let in_the_way: Vec<String> = overlapping(&taken, chosen).map(told).collect();
    if in_the_way.is_empty() {
        return Finding::pass(first).and_all(overlapping(&taken, usual).map(told));
    }
    Finding::warn(
        format!("{first}, which overlaps another network"),
        "give it another one: warren serve garden --network-pool",
    )
    .and_all(in_the_way)
}

fn overlapping(all: &[Subnet], pool: Subnet) -> impl Iterator<Item = &Subnet> {
    all.iter().filter(move |other| other.overlaps(pool))
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Status;
    use super::*;

    #[test]
    fn only_an_overlap_of_the_chosen_pool_matters() {
        let subnet = |text: &str| text.parse::<Subnet>().unwrap();
        let usual = subnet("10.254.0.0/22");
        assert_eq!(judge_pool(usual, &[]).evidence.len(), 1);
        let seen = [subnet("10.254.0.4/30"), subnet("10.254.0.4/30")];
        let moved = judge_pool(subnet("10.254.4.0/22"), &seen);
        assert_eq!((moved.status, moved.evidence.len()), (Status::Pass, 2));
        let wide = judge_pool(usual, &[subnet("10.0.0.0/8")]);
        assert_eq!(wide.status, Status::Warn);
        assert_eq!(wide.evidence[1], "10.0.0.0/8 is in use here");
    }
}
