//! The loopback device: what the firewall's proof and every job's monit runs over.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::{Facts, Finding};

/// Only where no packet comes this is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn carries(_: &Facts) -> Finding {
    let v6 = match round_trip(Ipv6Addr::LOCALHOST.into()) {
        Ok(()) => "::1 too".to_owned(),
        Err(error) => format!("::1 does not: {error}"),
    };
    match round_trip(Ipv4Addr::LOCALHOST.into()) {
        Ok(()) => Finding::pass(format!("127.0.0.1 carries packets; {v6}")),
        Err(error) => Finding::fail(
            format!("127.0.0.1 carries no packet: {error}"),
            "ip link set lo up",
        ),
    }
}

fn round_trip(address: std::net::IpAddr) -> std::io::Result<()> {
    let socket = UdpSocket::bind(SocketAddr::from((address, 0)))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(b"?", socket.local_addr()?)?;
    socket.recv_from(&mut [0; 1]).map(drop)
}
