//! Ports for servers that cannot be asked for any that is free.
//!
//! A port that was bound, read and closed again is anybody's: another test, or an outgoing
//! connection, may have it before the server does, or while the server is down between two starts.
//! So it stays bound, but does not listen: `bind` to port 0 and outgoing connections of others pass
//! it by, connections to it are refused, and a server that sets `SO_REUSEADDR`, as they all do, binds
//! it beside us and listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};

/// A TCP port that nobody gets by chance as long as this lives.
#[derive(Debug)]
pub struct Port {
    _bound: OwnedFd,
    number: u16,
}

impl Port {
    /// One of 127.0.0.1.
    #[must_use]
    #[track_caller]
    pub fn of_loopback() -> Self {
        Self::of(Ipv4Addr::LOCALHOST.into())
    }

    /// One of an address; of 0.0.0.0, one of every IPv4 address.
    #[must_use]
    #[track_caller]
    pub fn of(address: IpAddr) -> Self {
        match bound(address) {
            Ok(port) => port,
            Err(errno) => panic!("cannot reserve a port of {address}: {errno}"),
        }
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

fn bound(address: IpAddr) -> Result<Port, Errno> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::new(address, 0))?;
    let name = SocketAddr::try_from(getsockname(&socket)?)?;
    Ok(Port {
        _bound: socket,
        number: name.port(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn it_is_refused_until_a_server_takes_it_and_again_when_that_is_gone() {
        let port = Port::of_loopback();
        let place = ("127.0.0.1", port.number());
        for _ in 0..3 {
            TcpStream::connect(place).unwrap_err();
            let server = TcpListener::bind(place).unwrap();
            TcpStream::connect(place).unwrap();
            server.accept().unwrap();
            // Two cannot have it.
            TcpListener::bind(place).unwrap_err();
        }
    }

    #[test]
    fn whoever_wants_any_port_gets_another() {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let mut range = range.split_whitespace().map(|end| end.parse::<usize>());
        let (low, high) = (
            range.next().unwrap().unwrap(),
            range.next().unwrap().unwrap(),
        );
        let held: Vec<Port> = (0..200)
            .map(|_| Port::of(Ipv4Addr::UNSPECIFIED.into()))
            .collect();
        let mut others = std::collections::BTreeSet::new();
        // Enough that one of them would be met.
        for _ in 0..(high - low) / 20 {
            let other = TcpListener::bind("127.0.0.1:0").unwrap();
            others.insert(other.local_addr().unwrap().port());
        }
        assert!(held.iter().all(|port| !others.contains(&port.number())));
    }
}
