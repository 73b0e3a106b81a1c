//! Where a packet comes from and goes to. Total: any bytes give a flow or nothing.
//!
//! Source: RFC 791, RFC 8200 with its extension headers, RFC 9293, RFC 768.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Extension headers of IPv6 that others follow.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
/// Most of them that are passed over.
const MOST_EXTENSIONS: usize = 8;

/// One direction of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// Protocol number of what IP carries.
    pub protocol: u8,
    /// Who sends.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// Source and destination port, where the protocol has them and the packet begins with them.
    pub ports: Option<(u16, u16)>,
}

impl Flow {
    /// Reads the beginning of an IP packet.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => v4(packet),
            6 => v6(packet),
            _ => None,
        }
    }

    /// The protocol's name, or its number.
    #[must_use]
    pub fn protocol_name(&self) -> String {
        match self.protocol {
            ICMP => "icmp".to_owned(),
            TCP => "tcp".to_owned(),
            UDP => "udp".to_owned(),
            ICMPV6 => "icmpv6".to_owned(),
            other => other.to_string(),
        }
    }

    /// The sender, with its port if there is one.
    #[must_use]
    pub fn from(&self) -> String {
        text(self.source, self.ports.map(|(source, _)| source))
    }

    /// The receiver, with its port if there is one.
    #[must_use]
    pub fn to(&self) -> String {
        text(self.destination, self.ports.map(|(_, to)| to))
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol_name();
        write!(f, "{protocol} {} > {}", self.from(), self.to())
    }
}

fn text(address: IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => SocketAddr::new(address, port).to_string(),
        None => address.to_string(),
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn ports(protocol: u8, packet: &[u8], at: usize) -> Option<(u16, u16)> {
    let has_ports = matches!(protocol, TCP | UDP);
    let [a, b, c, d] = array(packet, at).filter(|_| has_ports)?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

fn v4(packet: &[u8]) -> Option<Flow> {
    let header = usize::from(packet.first()? & 15) * 4;
    let protocol = *packet.get(9)?;
    let source: [u8; 4] = array(packet, 12)?;
    let destination: [u8; 4] = array(packet, 16)?;
    let fragment: [u8; 2] = array(packet, 6)?;
    let is_first = u16::from_be_bytes(fragment) & 0x1fff == 0;
    Some(Flow {
        protocol,
        source: Ipv4Addr::from(source).into(),
        destination: Ipv4Addr::from(destination).into(),
        ports: ports(protocol, packet, header).filter(|_| is_first && header >= 20),
    })
}

fn v6(packet: &[u8]) -> Option<Flow> {
    let source: [u8; 16] = array(packet, 8)?;
    let destination: [u8; 16] = array(packet, 24)?;
    let mut protocol = *packet.get(6)?;
    let mut at = 40_usize;
    let mut is_first = true;
    for _ in 0..MOST_EXTENSIONS {
        let is_fragment = protocol == FRAGMENT;
        if !is_fragment && !matches!(protocol, HOP_BY_HOP | ROUTING | DESTINATION) {
            break;
        }
        let Some([next, length]) = array(packet, at) else {
            // Cut off before what is wanted.
            is_first = false;
            break;
        };
        if is_fragment {
            let offset = array(packet, at.saturating_add(2)).map(u16::from_be_bytes);
            is_first &= offset.is_some_and(|offset| offset >> 3 == 0);
        }
        let length = if is_fragment { 0 } else { usize::from(length) };
        at = at.saturating_add((length + 1) * 8);
        protocol = next;
    }
    Some(Flow {
        protocol,
        source: Ipv6Addr::from(source).into(),
        destination: Ipv6Addr::from(destination).into(),
        ports: ports(protocol, packet, at).filter(|_| is_first),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet[6..8].copy_from_slice(&fragment.to_be_bytes());
        packet[9] = protocol;
        packet[12..20].copy_from_slice(&[10, 254, 0, 2, 192, 0, 2, 2]);
        packet.extend_from_slice(payload);
        packet
    }

    fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x60;
        packet[6] = next;
        packet[8..10].copy_from_slice(&[0xfd, 0]);
        packet[23] = 2;
        packet[24..26].copy_from_slice(&[0x20, 1]);
        packet[39] = 1;
        packet.extend_from_slice(payload);
        packet
    }

    /// Ports 4711 and 7000.
    const PORTS: [u8; 4] = [0x12, 0x67, 0x1b, 0x58];

    fn said(packet: &[u8]) -> String {
        Flow::parse(packet).unwrap().to_string()
    }

    #[test]
    fn addresses_and_ports_of_both_families() {
        assert_eq!(
            said(&ipv4(TCP, 0x4000, &PORTS)),
            "tcp 10.254.0.2:4711 > 192.0.2.2:7000"
        );
        assert_eq!(
            said(&ipv4(ICMP, 0, &[8, 0, 0, 0])),
            "icmp 10.254.0.2 > 192.0.2.2"
        );
        assert_eq!(said(&ipv4(47, 0, &PORTS)), "47 10.254.0.2 > 192.0.2.2");
        assert_eq!(
            said(&ipv6(UDP, &PORTS)),
            "udp [fd00::2]:4711 > [2001::1]:7000"
        );
        assert_eq!(said(&ipv6(ICMPV6, &[128])), "icmpv6 fd00::2 > 2001::1");
        // Options come before the ports.
        let mut options = ipv4(UDP, 0, &[1, 1, 1, 1]);
        options[0] = 0x46;
        options.extend_from_slice(&PORTS);
        assert_eq!(said(&options), "udp 10.254.0.2:4711 > 192.0.2.2:7000");
        let extended = [[TCP, 1].as_slice(), &[0; 14], &PORTS].concat();
        assert_eq!(
            said(&ipv6(DESTINATION, &extended)),
            "tcp [fd00::2]:4711 > [2001::1]:7000"
        );
    }

    #[test]
    fn what_does_not_begin_with_ports_has_none() {
        let none = "tcp 10.254.0.2 > 192.0.2.2";
        assert_eq!(said(&ipv4(TCP, 0x2001, &PORTS)), none);
        assert_eq!(said(&ipv4(TCP, 0, &PORTS[..3])), none);
        let mut short = ipv4(TCP, 0, &PORTS);
        short[0] = 0x41;
        assert_eq!(said(&short), none);
        let fragment = [[TCP, 0, 0, 8].as_slice(), &[0; 4], &PORTS].concat();
        assert_eq!(said(&ipv6(FRAGMENT, &fragment)), "tcp fd00::2 > 2001::1");
        assert_eq!(said(&ipv6(ROUTING, &[])), "43 fd00::2 > 2001::1");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(flow) = Flow::parse(&bytes) {
                prop_assert!(!flow.to_string().is_empty());
            }
        }
    }
}
