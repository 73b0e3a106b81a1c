//! What settings take from the host: its external address and the MTU behind it.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

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
