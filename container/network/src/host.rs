//! What settings take from the host: its external address, the MTU behind it, and the networks that
//! containers' addresses must not be taken from.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use crate::address::Subnet;
use crate::link::{self, Rtnetlink};
use crate::settings::MOST_MTU;

/// An address outside of every network, to ask for a route with (RFC 5737).
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// The address from which the host talks to others: the source of its default route. Sends
/// nothing; asks in the calling thread's network namespace.
///
/// # Errors
/// The kernel's; ENETUNREACH without a default route.
pub fn external_address() -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(ELSEWHERE)?;
    Ok(socket.local_addr()?.ip())
}

/// The MTU for containers' links: that of the link with the external address, at most 1500.
///
/// # Errors
/// [`link::Error`]; [`link::Error::NoLink`] if no link has the address.
pub fn mtu(links: &mut Rtnetlink, external: IpAddr) -> Result<u32, link::Error> {
    let addresses = links.addresses()?;
    let owner = addresses.iter().find(|each| each.address == external);
    let all = links.links()?;
    let found = owner.and_then(|owner| all.iter().find(|link| link.index == owner.link));
    found
        .map(|link| link.mtu.min(MOST_MTU))
        .ok_or_else(|| link::Error::NoLink(format!("with the address {external}")))
}

/// The IPv4 networks that the host is in or has a route to, but for "everywhere".
///
/// # Errors
/// [`link::Error`].
pub fn networks(links: &mut Rtnetlink) -> Result<Vec<Subnet>, link::Error> {
    let addresses = links.addresses()?;
    let addresses = addresses.iter().map(|each| (each.address, each.bits));
    let routes = links.routes()?;
    let routes = routes.iter().filter_map(|route| route.to);
    let network = |(address, bits): (IpAddr, u8)| match address {
        // A single address takes the smallest network that a container can have.
        IpAddr::V4(address) => Subnet::containing(address, bits.min(30)),
        IpAddr::V6(_) => None,
    };
    Ok(addresses.chain(routes).filter_map(network).collect())
}
