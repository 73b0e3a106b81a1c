//! The address of the name server, on loopback.

use std::net::IpAddr;

use warren_sys_netlink::{Error, MessageBuilder, Protocol, Socket, flags};

/// `RTM_NEWADDR`.
const NEW_ADDRESS: u16 = 20;
/// `IFA_ADDRESS`, `IFA_LOCAL`.
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
/// `AF_INET`, `AF_INET6`.
const INET: u8 = 2;
const INET6: u8 = 10;
/// `RT_SCOPE_HOST`: it is nobody else's.
const SCOPE_HOST: u8 = 254;
/// Loopback is the first link of each network namespace.
const LOOPBACK: u32 = 1;

/// The kernel does not add it.
#[derive(Debug, thiserror::Error)]
#[error("cannot add {address} to loopback")]
pub struct AddressError {
    /// Which.
    address: IpAddr,
    /// Why not.
    source: Error,
}

/// Adds an address, alone, to the loopback of our network namespace.
pub(super) fn add_to_loopback(address: IpAddr) -> Result<(), AddressError> {
    let (family, bytes) = match address {
        IpAddr::V4(v4) => (INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (INET6, v6.octets().to_vec()),
    };
    let bits = u8::try_from(bytes.len() * 8).unwrap_or(u8::MAX);
    let mut header = vec![family, bits, 0, SCOPE_HOST];
    header.extend_from_slice(&LOOPBACK.to_ne_bytes());
    let message = MessageBuilder::new(NEW_ADDRESS, flags::CREATE | flags::REPLACE)
        .family_header(&header)
        .attributes(|a| {
            a.put_bytes(LOCAL, &bytes).put_bytes(ADDRESS, &bytes);
        });
    let failed = |source| AddressError { address, source };
    let mut socket = Socket::open(Protocol::Route).map_err(failed)?;
    socket.request(message).map(drop).map_err(failed)
}
