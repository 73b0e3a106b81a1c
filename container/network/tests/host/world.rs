//! A host with a neighbour, and containers that are network namespaces with nothing else.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketType, ipproto, recv, sendto, socket, sockopt,
};
use tempfile::TempDir;
use warren_container_network::apply::Kernel;
use warren_container_network::link::Rtnetlink;
use warren_container_network::record::Record;
use warren_container_network::{Error, Network, Recovered, Settings, Spec};
use warren_sys_nft::Nft;
use warren_tests_harness::{NetNs, veth};

pub const HOST: &str = "192.0.2.1";
pub const NEIGHBOUR: &str = "192.0.2.2";
pub const HOST6: &str = "2001:db8::1";
pub const NEIGHBOUR6: &str = "2001:db8::2";

/// How long something is waited for that is expected to come: ends early when it does, so that a
/// busy machine or one lost packet decides nothing.
pub const LONG: Duration = Duration::from_secs(30);
/// How long something is waited for that is expected never to come.
pub const BRIEF: Duration = Duration::from_millis(400);
/// How long until a datagram that may have been lost is sent again.
const AGAIN: Duration = Duration::from_millis(200);

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A host and its neighbour, joined by a link with addresses of both families. The neighbour has
/// no route to containers: it can only answer the host.
pub struct World {
    pub host: NetNs,
    pub neighbour: NetNs,
    pub state: TempDir,
}

impl World {
    pub fn new() -> Self {
        let (host, neighbour) = (NetNs::new(), NetNs::new());
        veth(
            (&host, "up0", Some("192.0.2.1/24")),
            (&neighbour, "down0", Some("192.0.2.2/24")),
        );
        host.address("up0", "2001:db8::1/64");
        neighbour.address("down0", "2001:db8::2/64");
        host.forward();
        let state = tempfile::tempdir().unwrap();
        Self {
            host,
            neighbour,
            state,
        }
    }

    pub fn settings() -> Settings {
        Settings {
            external: vec![ip(HOST), ip(HOST6)],
            ..Settings::default()
        }
    }

    pub fn kernel(&self) -> Kernel {
        self.host.inside(Kernel::open).unwrap()
    }

    pub fn reopen(&self, settings: Settings) -> (Network, Recovered) {
        let kernel = Box::new(self.kernel());
        Network::open(settings, self.state.path(), kernel).unwrap()
    }

    pub fn network(&self, settings: Settings) -> Network {
        self.reopen(settings).0
    }

    pub fn nft(&self) -> Nft {
        self.host.inside(Nft::open).unwrap()
    }

    /// Names of the host's links.
    pub fn links(&self) -> Vec<String> {
        let mut net = self.host.inside(Rtnetlink::open).unwrap();
        net.links().unwrap().into_iter().map(|l| l.name).collect()
    }

    /// The whole ruleset in nft's words, without what packets and handles change.
    pub fn rules(&self) -> String {
        let out = self.host.run(&["nft", "-s", "list", "ruleset"]);
        out.success().stdout
    }

    /// Fails unless only the world's own link and no table is left.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert_eq!(self.links(), ["lo", "up0"]);
        assert_eq!(self.rules(), "");
        let left: Vec<_> = std::fs::read_dir(self.state.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_string_lossy().ends_with(".json"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A container: its network namespace and its record.
pub struct Container {
    pub net: NetNs,
    pub record: Record,
}

impl Container {
    #[track_caller]
    pub fn new(network: &Network, handle: &str, spec: &Spec) -> Self {
        Self::try_new(network, handle, spec).unwrap()
    }

    pub fn try_new(network: &Network, handle: &str, spec: &Spec) -> Result<Self, Error> {
        let net = NetNs::new();
        let record = create(network, handle, spec, &net)?;
        Ok(Self { net, record })
    }

    pub fn address(&self) -> IpAddr {
        self.record.lease.address.into()
    }
}

pub fn create(network: &Network, handle: &str, spec: &Spec, net: &NetNs) -> Result<Record, Error> {
    let link = File::open(net.path()).unwrap();
    network.create(handle, spec, link.as_fd())
}

pub fn in_network(network: &str) -> Spec {
    Spec {
        network: network.to_owned(),
        ..Spec::default()
    }
}

/// A listener that answers every connection with the address it came from.
pub fn mirror(net: &NetNs, address: &str) -> SocketAddr {
    let listener = net.inside(|| TcpListener::bind(address)).unwrap();
    let local = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, from)) = listener.accept() {
            // Whoever hangs up first is no concern of the mirror's.
            _ = write!(stream, "{}", from.ip());
        }
    });
    local
}

/// How a connection attempt went that is answered one way or the other: the address that
/// [`mirror`] saw, or the error.
pub fn connect(net: &NetNs, to: impl Into<SocketAddr>) -> Result<IpAddr, ErrorKind> {
    connect_within(LONG, net, to)
}

/// The same, with how long an answer is waited for.
pub fn connect_within(
    patience: Duration,
    net: &NetNs,
    to: impl Into<SocketAddr>,
) -> Result<IpAddr, ErrorKind> {
    let to = to.into();
    let stream = net.inside(|| TcpStream::connect_timeout(&to, patience));
    let mut stream = stream.map_err(|error| error.kind())?;
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|e| e.kind())?;
    Ok(text.parse().unwrap())
}

/// Whether datagrams arrive, within `patience`.
pub fn datagrams_arrive(patience: Duration, from: &NetNs, at: &NetNs, to: SocketAddr) -> bool {
    let receiver = at.inside(|| UdpSocket::bind(to)).unwrap();
    receiver.set_read_timeout(Some(AGAIN)).unwrap();
    let any: SocketAddr = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }
        .parse()
        .unwrap();
    let sender = from.inside(|| UdpSocket::bind(any)).unwrap();
    let end = Instant::now() + patience;
    loop {
        // A refusal by rule may show at once or not at all; what counts is the other end.
        _ = sender.send_to(b"x", to);
        if receiver.recv(&mut [0; 8]).is_ok() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
    }
}

/// Whether echo requests are answered, within `patience`.
pub fn pings(patience: Duration, net: &NetNs, to: &str) -> bool {
    let end = Instant::now() + patience;
    loop {
        if ping(net, to) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
    }
}

fn ping(net: &NetNs, to: &str) -> bool {
    let to: SocketAddr = (ip(to), 0).into();
    // Type, code, checksum (the kernel's business in ICMPv6), identifier, sequence number.
    let (family, protocol, request, reply) = if to.is_ipv4() {
        let request = [8, 0, 0xf7, 0xf8, 0, 7, 0, 0];
        (AddressFamily::INET, ipproto::ICMP, request, 0)
    } else {
        (
            AddressFamily::INET6,
            ipproto::ICMPV6,
            [128, 0, 0, 0, 0, 7, 0, 0],
            129,
        )
    };
    let socket = net
        .inside(|| socket(family, SocketType::RAW, Some(protocol)))
        .unwrap();
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(AGAIN)).unwrap();
    sendto(&socket, &request, SendFlags::empty(), &to).unwrap();
    let mut packet = [0; 256];
    // A raw IPv4 socket gives the IP header too, and both give others' messages.
    while let Ok((_, length)) = recv(&socket, &mut packet, RecvFlags::empty()) {
        let start = if to.is_ipv4() {
            usize::from(packet[0] & 15) * 4
        } else {
            0
        };
        let message = packet.get(start..length).unwrap_or_default();
        if message.first() == Some(&reply) && message.get(4..6) == Some(&[0, 7]) {
            return true;
        }
    }
    false
}
