//! Requests.
//!
//! ```text
//! link     ifinfomsg  family u8 | 0 u8 | device type u16 | index u32 | flags u32 | change u32
//! address  ifaddrmsg  family u8 | prefix bits u8 | flags u8 | scope u8 | link index u32
//! route    rtmsg      family u8 | to bits u8 | from bits u8 | tos u8 | table u8 | origin u8 |
//!                     scope u8 | type u8 | flags u32
//! ```

use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use warren_sys_netlink::{AttributeBuilder, MessageBuilder, TooLong, flags};

/// Message types (`RTM_*`).
pub(super) mod message {
    pub(in super::super) const NEW_LINK: u16 = 16;
    pub(in super::super) const DELETE_LINK: u16 = 17;
    pub(in super::super) const GET_LINK: u16 = 18;
    pub(in super::super) const NEW_ADDRESS: u16 = 20;
    pub(in super::super) const DELETE_ADDRESS: u16 = 21;
    pub(in super::super) const GET_ADDRESS: u16 = 22;
    pub(in super::super) const NEW_ROUTE: u16 = 24;
    pub(in super::super) const GET_ROUTE: u16 = 26;
}

/// Attributes of a link (`IFLA_*`), of its kind (`IFLA_INFO_*`) and of a veth.
pub(super) mod link {
    pub(in super::super) const MAC: u16 = 1;
    pub(in super::super) const NAME: u16 = 3;
    pub(in super::super) const MTU: u16 = 4;
    pub(in super::super) const MASTER: u16 = 10;
    pub(in super::super) const INFO: u16 = 18;
    pub(in super::super) const STATS: u16 = 23;
    pub(in super::super) const GROUP: u16 = 27;
    pub(in super::super) const NETNS_FD: u16 = 28;
    pub(in super::super) const SENDING_QUEUES: u16 = 31;
    pub(in super::super) const RECEIVING_QUEUES: u16 = 32;
    pub(in super::super) const INFO_KIND: u16 = 1;
    pub(in super::super) const INFO_DATA: u16 = 2;
    pub(in super::super) const INFO_SLAVE_KIND: u16 = 4;
    pub(in super::super) const INFO_SLAVE_DATA: u16 = 5;
    /// `IFLA_BRPORT_MODE`: hairpin mode of a bridge's port.
    pub(in super::super) const PORT_HAIRPIN: u16 = 4;
    /// `IFLA_BRPORT_STATE`: whether a bridge's port lets packets through.
    pub(in super::super) const PORT_STATE: u16 = 1;
    pub(in super::super) const VETH_PEER: u16 = 1;
    /// `IFLA_AF_SPEC`, and in it `IFLA_INET_CONF` of IPv4 with `IPV4_DEVCONF_RP_FILTER`.
    pub(in super::super) const FAMILIES: u16 = 26;
    pub(in super::super) const INET_SETTINGS: u16 = 1;
    pub(in super::super) const REVERSE_PATH: u16 = 8;
    /// `IFF_UP`.
    pub(in super::super) const UP: u32 = 1;
}

/// Attributes of an address (`IFA_*`).
pub(super) mod address {
    pub(in super::super) const ADDRESS: u16 = 1;
    pub(in super::super) const LOCAL: u16 = 2;
    pub(in super::super) const BROADCAST: u16 = 4;
    /// `IFA_F_NODAD`: no duplicate address detection.
    pub(in super::super) const NO_DUPLICATE_DETECTION: u8 = 2;
}

/// Attributes of a route (`RTA_*`) and the numbers of its header.
pub(super) mod route {
    pub(in super::super) const TO: u16 = 1;
    pub(in super::super) const LINK: u16 = 4;
    pub(in super::super) const GATEWAY: u16 = 5;
    pub(in super::super) const TABLE: u16 = 15;
    pub(in super::super) const MAIN: u8 = 254;
    /// `RTPROT_STATIC`.
    pub(in super::super) const ORIGIN_STATIC: u8 = 4;
    pub(in super::super) const UNICAST: u8 = 1;
}

pub(super) const INET: u8 = 2;
pub(super) const INET6: u8 = 10;

/// A link-layer address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A bridge to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Name, 15 bytes at most.
    pub name: String,
    /// Fixed, because the kernel else takes the lowest of its ports' and changes it as they
    /// come and go.
    pub mac: Mac,
    /// Largest packet in bytes.
    pub mtu: u32,
}

/// A veth pair to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veth {
    /// Name of the end on this side.
    pub name: String,
    /// Name of the other end.
    pub peer: String,
    /// Address of the other end.
    pub peer_mac: Mac,
    /// Largest packet in bytes, both ends.
    pub mtu: u32,
}

/// A change to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Set up.
    Up,
    /// Largest packet in bytes.
    Mtu(u32),
    /// Link-layer address.
    Mac(Mac),
    /// Make it a port of the bridge of this name.
    Master(String),
    /// Let the bridge send packets back to the port they came from; for ports only.
    Hairpin,
    /// Put it into a group of links.
    Group(u32),
    /// Take no IPv4 packet whose sender is not reached by way of this link (`rp_filter` 1).
    ReversePath,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Mtu(mtu) => write!(f, "mtu {mtu}"),
            Self::Mac(mac) => write!(f, "address {mac}"),
            Self::Master(bridge) => write!(f, "master {bridge}"),
            Self::Hairpin => f.write_str("hairpin mode"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::ReversePath => f.write_str("strict reverse path filter"),
        }
    }
}

fn ifinfo(index: u32, up: bool) -> [u8; 16] {
    let mut header = [0; 16];
    let flags = if up { link::UP } else { 0 };
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..].copy_from_slice(&flags.to_ne_bytes());
    header
}

pub(super) fn get_link(name: &str) -> MessageBuilder {
    MessageBuilder::new(message::GET_LINK, 0)
        .family_header(&ifinfo(0, false))
        .attributes(|a| _ = a.put_str(link::NAME, name))
}

pub(super) fn list_links() -> MessageBuilder {
    MessageBuilder::new(message::GET_LINK, flags::DUMP).family_header(&ifinfo(0, false))
}

pub(super) fn add_bridge(bridge: &Bridge) -> MessageBuilder {
    MessageBuilder::new(message::NEW_LINK, flags::CREATE | flags::EXCL)
        .family_header(&ifinfo(0, false))
        .attributes(|a| {
            a.put_str(link::NAME, &bridge.name)
                .put_bytes(link::MAC, &bridge.mac.0)
                .put_u32(link::MTU, bridge.mtu)
                .put_nested(link::INFO, |a| _ = a.put_str(link::INFO_KIND, "bridge"));
        })
}

/// With one queue each, which is what ends that ask for none get too, but from one for each processor,
/// taken back: for that the kernel waits, with the lock of all links, until no processor uses them.
pub(super) fn add_veth(
    veth: &Veth,
    peer_netns: Option<BorrowedFd<'_>>,
) -> Result<MessageBuilder, TooLong> {
    let mut attributes = AttributeBuilder::new();
    attributes
        .put_str(link::NAME, &veth.peer)
        .put_bytes(link::MAC, &veth.peer_mac.0)
        .put_u32(link::MTU, veth.mtu)
        .put_u32(link::SENDING_QUEUES, 1)
        .put_u32(link::RECEIVING_QUEUES, 1);
    if let Some(netns) = peer_netns {
        attributes.put_u32(link::NETNS_FD, netns.as_raw_fd().cast_unsigned());
    }
    let peer = [&ifinfo(0, false)[..], &attributes.finish()?].concat();
    Ok(
        MessageBuilder::new(message::NEW_LINK, flags::CREATE | flags::EXCL)
            .family_header(&ifinfo(0, false))
            .attributes(|a| {
                a.put_str(link::NAME, &veth.name)
                    .put_u32(link::MTU, veth.mtu)
                    .put_u32(link::SENDING_QUEUES, 1)
                    .put_u32(link::RECEIVING_QUEUES, 1)
                    .put_nested(link::INFO, |a| {
                        a.put_str(link::INFO_KIND, "veth")
                            .put_nested(link::INFO_DATA, |a| {
                                _ = a.put_bytes(link::VETH_PEER, &peer)
                            });
                    });
            }),
    )
}

/// `master` is the index of the bridge of [`Change::Master`].
pub(super) fn set_link(index: u32, change: &Change, master: Option<u32>) -> MessageBuilder {
    let header = ifinfo(index, matches!(change, Change::Up));
    MessageBuilder::new(message::NEW_LINK, 0)
        .family_header(&header)
        .attributes(|a| match change {
            Change::Up => {}
            Change::Mtu(mtu) => _ = a.put_u32(link::MTU, *mtu),
            Change::Mac(mac) => _ = a.put_bytes(link::MAC, &mac.0),
            Change::Group(group) => _ = a.put_u32(link::GROUP, *group),
            Change::Master(_) => _ = a.put_u32(link::MASTER, master.unwrap_or(0)),
            Change::ReversePath => {
                a.put_nested(link::FAMILIES, |a| {
                    a.put_nested(u16::from(INET), |a| {
                        a.put_nested(link::INET_SETTINGS, |a| {
                            a.put_u32(link::REVERSE_PATH, 1);
                        });
                    });
                });
            }
            Change::Hairpin => {
                a.put_nested(link::INFO, |a| {
                    a.put_str(link::INFO_SLAVE_KIND, "bridge").put_nested(
                        link::INFO_SLAVE_DATA,
                        |a| {
                            a.put_u8(link::PORT_HAIRPIN, 1);
                        },
                    );
                });
            }
        })
}

pub(super) fn move_link(index: u32, netns: BorrowedFd<'_>) -> MessageBuilder {
    MessageBuilder::new(message::NEW_LINK, 0)
        .family_header(&ifinfo(index, false))
        .attributes(|a| _ = a.put_u32(link::NETNS_FD, netns.as_raw_fd().cast_unsigned()))
}

pub(super) fn delete_group(group: u32) -> MessageBuilder {
    MessageBuilder::new(message::DELETE_LINK, 0)
        .family_header(&ifinfo(0, false))
        .attributes(|a| _ = a.put_u32(link::GROUP, group))
}

pub(super) fn delete_link(name: &str) -> MessageBuilder {
    MessageBuilder::new(message::DELETE_LINK, 0)
        .family_header(&ifinfo(0, false))
        .attributes(|a| _ = a.put_str(link::NAME, name))
}

fn octets(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(v4) => (INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (INET6, v6.octets().to_vec()),
    }
}

pub(super) fn list_addresses() -> MessageBuilder {
    MessageBuilder::new(message::GET_ADDRESS, flags::DUMP).family_header(&[0; 8])
}

pub(super) fn add_address(index: u32, address: IpAddr, bits: u8) -> MessageBuilder {
    address_message(
        MessageBuilder::new(message::NEW_ADDRESS, flags::CREATE | flags::REPLACE),
        index,
        address,
        bits,
    )
}

pub(super) fn delete_address(index: u32, address: IpAddr, bits: u8) -> MessageBuilder {
    let message = MessageBuilder::new(message::DELETE_ADDRESS, 0);
    address_message(message, index, address, bits)
}

fn address_message(
    message: MessageBuilder,
    index: u32,
    address: IpAddr,
    bits: u8,
) -> MessageBuilder {
    let (family, bytes) = octets(address);
    let address_flags = if address.is_ipv6() {
        address::NO_DUPLICATE_DETECTION
    } else {
        0
    };
    let mut header = vec![family, bits, address_flags, 0];
    header.extend_from_slice(&index.to_ne_bytes());
    message.family_header(&header).attributes(|a| {
        a.put_bytes(address::LOCAL, &bytes)
            .put_bytes(address::ADDRESS, &bytes);
        if let IpAddr::V4(v4) = address
            && bits < 31
        {
            let last = u32::from(v4) | u32::MAX.checked_shr(bits.into()).unwrap_or(0);
            a.put_bytes(address::BROADCAST, &last.to_be_bytes());
        }
    })
}

pub(super) fn list_routes() -> MessageBuilder {
    MessageBuilder::new(message::GET_ROUTE, flags::DUMP).family_header(&[0; 12])
}

/// In the main table, made by an administrator; what leads there is among the attributes.
fn new_route(family: u8, bits: u8) -> MessageBuilder {
    let mut header = [0; 12];
    (header[0], header[1]) = (family, bits);
    (header[4], header[5], header[7]) = (route::MAIN, route::ORIGIN_STATIC, route::UNICAST);
    MessageBuilder::new(message::NEW_ROUTE, flags::CREATE | flags::REPLACE).family_header(&header)
}

/// By way of a gateway in reach, whatever link that is on.
pub(super) fn route(to: IpAddr, bits: u8, gateway: IpAddr) -> MessageBuilder {
    let (family, gateway) = octets(gateway);
    let (_, to) = octets(to);
    new_route(family, bits).attributes(|a| {
        a.put_bytes(route::TO, &to)
            .put_bytes(route::GATEWAY, &gateway);
    })
}

pub(super) fn default_route(index: u32, gateway: IpAddr) -> MessageBuilder {
    let (family, bytes) = octets(gateway);
    new_route(family, 0).attributes(|a| {
        a.put_bytes(route::GATEWAY, &bytes)
            .put_u32(route::LINK, index);
    })
}
