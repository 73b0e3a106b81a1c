//! Answers. Total: any bytes give objects or an error.

use std::net::IpAddr;

use warren_sys_netlink::{Attribute, Attributes, Message, ParseError};

use super::encode::{INET, INET6, Mac, address, link, message, route};

/// Where `rx_bytes` and `tx_bytes` are in `struct rtnl_link_stats64`.
const RX_BYTES: usize = 16;
const TX_BYTES: usize = 24;
/// `IFF_RUNNING`: the link's operational state is up.
const RUNNING: u32 = 0x40;
/// `BR_STATE_FORWARDING`.
const FORWARDING: u8 = 3;

/// A link as the kernel tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkInfo {
    /// The kernel's number for it in its network namespace.
    pub index: u32,
    /// Name.
    pub name: String,
    /// `bridge`, `veth`, ...; `None` for hardware and loopback.
    pub kind: Option<String>,
    /// Whether it was set up (which says nothing about a carrier).
    pub is_up: bool,
    /// Whether packets pass. Later than being set up: the kernel activates a link's queue, and the
    /// bridge lets packets through a port, in the background once there is a carrier; what is sent
    /// before is dropped.
    pub is_ready: bool,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Link-layer address, if it has one of six bytes.
    pub mac: Option<Mac>,
    /// The group of links it is in; 0 if nobody put it into another.
    pub group: u32,
    /// Index of the bridge it is a port of.
    pub master: Option<u32>,
    /// Whether its bridge sends packets back to where they came from.
    pub is_hairpin: bool,
    /// What went through it.
    pub traffic: Traffic,
}

/// Bytes through a link, as the link sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Index of the link.
    pub link: u32,
    /// The address.
    pub address: IpAddr,
    /// Prefix length.
    pub bits: u8,
}

/// A route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where to; `None` is everywhere.
    pub to: Option<(IpAddr, u8)>,
    /// By way of.
    pub gateway: Option<IpAddr>,
    /// Index of the outgoing link.
    pub link: Option<u32>,
}

fn header<const N: usize>(message: &Message) -> Result<(&[u8; N], Attributes<'_>), ParseError> {
    let (header, rest) = message
        .payload
        .split_first_chunk::<N>()
        .ok_or(ParseError::Truncated {
            needed: N,
            available: message.payload.len(),
        })?;
    Ok((header, Attributes::new(rest)))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    chunk.map_or(0, |chunk| u32::from_ne_bytes(*chunk))
}

/// Links out of the kernel's answers; messages about anything else are passed over.
///
/// # Errors
/// [`ParseError`].
pub fn links(messages: &[Message]) -> Result<Vec<LinkInfo>, ParseError> {
    let new = messages.iter().filter(|m| m.kind == message::NEW_LINK);
    new.map(link_info).collect()
}

fn link_info(message: &Message) -> Result<LinkInfo, ParseError> {
    let (header, attributes) = header::<16>(message)?;
    let number = |kind| -> Result<Option<u32>, ParseError> {
        attributes.find(kind)?.map(|a| a.u32()).transpose()
    };
    let info = attributes.find(link::INFO)?;
    let info = info.map(|a| a.nested()).unwrap_or(Attributes::new(&[]));
    let kind = info.find(link::INFO_KIND)?.map(|a| a.str_lossy());
    // Ports of other masters have other data under the same number.
    let port = match info.find(link::INFO_SLAVE_KIND)?.map(|a| a.str_lossy()) {
        Some(master) if master == "bridge" => info.find(link::INFO_SLAVE_DATA)?,
        _ => None,
    };
    let of_port = |kind| -> Result<Option<u8>, ParseError> {
        match port {
            Some(port) => port.nested().find(kind)?.map(|a| a.u8()).transpose(),
            None => Ok(None),
        }
    };
    let hairpin = of_port(link::PORT_HAIRPIN)?;
    let is_forwarding = of_port(link::PORT_STATE)?.is_none_or(|state| state == FORWARDING);
    let mac = attributes.find(link::MAC)?;
    let stats = attributes.find(link::STATS)?;
    let counter = |at: usize| {
        let chunk = stats.and_then(|stats| stats.payload.get(at..)?.first_chunk::<8>());
        chunk.map_or(0, |chunk| u64::from_ne_bytes(*chunk))
    };
    Ok(LinkInfo {
        index: word(header, 4),
        name: attributes.require(link::NAME)?.str_lossy(),
        kind,
        is_up: word(header, 8) & link::UP != 0,
        is_ready: word(header, 8) & RUNNING != 0 && is_forwarding,
        mtu: number(link::MTU)?.unwrap_or(0),
        mac: mac.and_then(|a| a.payload.try_into().ok()).map(Mac),
        group: number(link::GROUP)?.unwrap_or(0),
        master: number(link::MASTER)?,
        is_hairpin: hairpin.is_some_and(|mode| mode != 0),
        traffic: Traffic {
            received: counter(RX_BYTES),
            sent: counter(TX_BYTES),
        },
    })
}

fn ip(family: u8, attribute: Attribute<'_>) -> Result<Option<IpAddr>, ParseError> {
    match family {
        INET => attribute.ipv4().map(|v4| Some(v4.into())),
        INET6 => attribute.ipv6().map(|v6| Some(v6.into())),
        _ => Ok(None),
    }
}

/// Addresses out of the kernel's answers; messages about anything else are passed over.
///
/// # Errors
/// [`ParseError`].
pub fn addresses(messages: &[Message]) -> Result<Vec<Address>, ParseError> {
    let mut found = Vec::new();
    for each in messages.iter().filter(|m| m.kind == message::NEW_ADDRESS) {
        let (header, attributes) = header::<8>(each)?;
        // Of a point-to-point link ADDRESS is the other side's.
        let own = match attributes.find(address::LOCAL)? {
            Some(local) => Some(local),
            None => attributes.find(address::ADDRESS)?,
        };
        if let Some(attribute) = own
            && let Some(address) = ip(header[0], attribute)?
        {
            found.push(Address {
                link: word(header, 4),
                address,
                bits: header[1],
            });
        }
    }
    Ok(found)
}

/// Routes of the main table out of the kernel's answers; messages about anything else are passed over.
///
/// # Errors
/// [`ParseError`].
pub fn routes(messages: &[Message]) -> Result<Vec<Route>, ParseError> {
    let mut found = Vec::new();
    for each in messages.iter().filter(|m| m.kind == message::NEW_ROUTE) {
        let (header, attributes) = header::<12>(each)?;
        let table = match attributes.find(route::TABLE)? {
            Some(table) => table.u32()?,
            None => header[4].into(),
        };
        if table != u32::from(route::MAIN) || header[7] != route::UNICAST {
            continue;
        }
        let place = |kind| -> Result<Option<IpAddr>, ParseError> {
            match attributes.find(kind)? {
                Some(attribute) => ip(header[0], attribute),
                None => Ok(None),
            }
        };
        found.push(Route {
            to: place(route::TO)?.map(|to| (to, header[1])),
            gateway: place(route::GATEWAY)?,
            link: attributes.find(route::LINK)?.map(|a| a.u32()).transpose()?,
        });
    }
    Ok(found)
}
