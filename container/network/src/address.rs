//! IPv4 subnets and address ranges: the arithmetic that pools and rules share.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An IPv4 network with room for a gateway and at least one container: 1 to 30 prefix bits.
///
/// Invariant: the host bits of `base` are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    base: Ipv4Addr,
    bits: u8,
}

/// A text that names no subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSubnetError {
    /// Not `a.b.c.d/n`.
    #[error("{0:?} is not an IPv4 address with a prefix length such as 10.244.0.0/24")]
    Syntax(String),
    /// Prefix length outside 1 to 30.
    #[error("prefix length {bits} of {text:?} is not between 1 and 30")]
    Bits {
        /// The text.
        text: String,
        /// The prefix length.
        bits: u8,
    },
    /// The address is not the first of its network.
    #[error("{0:?} has bits set behind the prefix")]
    HostBits(String),
}

impl Subnet {
    /// The network of `bits` prefix bits that `address` is in; `None` unless `bits` is 1 to 30.
    #[must_use]
    pub fn containing(address: Ipv4Addr, bits: u8) -> Option<Self> {
        (1..=30).contains(&bits).then(|| Self {
            base: Ipv4Addr::from(u32::from(address) & mask(bits)),
            bits,
        })
    }

    /// Network address.
    #[must_use]
    pub fn base(self) -> Ipv4Addr {
        self.base
    }

    /// Prefix length, 1 to 30.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.bits
    }

    /// The first host address: the bridge's, and so the containers' gateway.
    #[must_use]
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) + 1)
    }

    /// The last address.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) | !mask(self.bits))
    }

    /// Whether `address` is one of its addresses.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.bits) == u32::from(self.base)
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.base) || other.contains(self.base)
    }

    /// How many subnets of `bits` prefix bits fit; 0 if they are larger than this one.
    #[must_use]
    pub fn count(self, bits: u8) -> u32 {
        bits.checked_sub(self.bits).map_or(0, |more| 1 << more)
    }

    /// Subnet number `index` of those with `bits` prefix bits.
    #[must_use]
    pub fn nth(self, bits: u8, index: u32) -> Option<Self> {
        if bits > 30 || index >= self.count(bits) {
            return None;
        }
        let base = u32::from(self.base) + (index << (32 - u32::from(bits)));
        Some(Self {
            base: base.into(),
            bits,
        })
    }

    /// Addresses a container may have, in order: all but network, gateway and broadcast.
    pub fn container_addresses(self) -> impl Iterator<Item = Ipv4Addr> {
        (u32::from(self.gateway()) + 1..u32::from(self.broadcast())).map(Ipv4Addr::from)
    }
}

fn mask(bits: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(bits.min(32)))
        .unwrap_or(0)
}

/// Splits `a.b.c.d/n`; without a slash the prefix length is `default_bits`.
pub(crate) fn split(text: &str, default_bits: u8) -> Option<(Ipv4Addr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, bits.parse().ok()?),
        None => (text, default_bits),
    };
    Some((address.parse().ok()?, bits))
}

impl FromStr for Subnet {
    type Err = ParseSubnetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || ParseSubnetError::Syntax(text.to_owned());
        if !text.contains('/') {
            return Err(syntax());
        }
        let (address, bits) = split(text, 32).ok_or_else(syntax)?;
        let subnet = Self::containing(address, bits).ok_or_else(|| ParseSubnetError::Bits {
            text: text.to_owned(),
            bits,
        })?;
        if subnet.base == address {
            Ok(subnet)
        } else {
            Err(ParseSubnetError::HostBits(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Subnet {
    type Error = ParseSubnetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

/// Where the IPv6 addresses come from: a prefix of 96 bits whose last 32 bits become the IPv4
/// address. So IPv6 needs no pool of its own and an address names its IPv4 twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Prefix(Ipv6Addr);

impl Ipv6Prefix {
    /// The 96-bit prefix of `address`; its last 32 bits do not matter.
    #[must_use]
    pub fn new(address: Ipv6Addr) -> Self {
        Self((u128::from(address) & !u128::from(u32::MAX)).into())
    }

    /// The IPv6 address that goes with an IPv4 address.
    #[must_use]
    pub fn address(self, v4: Ipv4Addr) -> Ipv6Addr {
        (u128::from(self.0) | u128::from(u32::from(v4))).into()
    }

    /// Prefix length of the network that goes with an IPv4 subnet.
    #[must_use]
    pub fn bits(self, subnet: Subnet) -> u8 {
        96 + subnet.bits()
    }
}

/// Addresses from `start` to `end`, both included and of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(IpAddr, IpAddr)", into = "(IpAddr, IpAddr)")]
pub struct AddressRange {
    start: IpAddr,
    end: IpAddr,
}

/// Two addresses that make no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{start} to {end} is not a range of addresses of one family in ascending order")]
pub struct BadRange {
    /// First address.
    pub start: IpAddr,
    /// Last address.
    pub end: IpAddr,
}

impl AddressRange {
    /// From `start` to `end`.
    ///
    /// # Errors
    /// [`BadRange`] if the families differ or `end` comes before `start`.
    pub fn new(start: IpAddr, end: IpAddr) -> Result<Self, BadRange> {
        if start.is_ipv4() == end.is_ipv4() && start <= end {
            Ok(Self { start, end })
        } else {
            Err(BadRange { start, end })
        }
    }

    /// One address.
    #[must_use]
    pub fn single(address: IpAddr) -> Self {
        Self {
            start: address,
            end: address,
        }
    }

    /// First address.
    #[must_use]
    pub fn start(self) -> IpAddr {
        self.start
    }

    /// Last address.
    #[must_use]
    pub fn end(self) -> IpAddr {
        self.end
    }
}

impl From<Subnet> for AddressRange {
    fn from(subnet: Subnet) -> Self {
        Self {
            start: subnet.base().into(),
            end: subnet.broadcast().into(),
        }
    }
}

impl TryFrom<(IpAddr, IpAddr)> for AddressRange {
    type Error = BadRange;

    fn try_from((start, end): (IpAddr, IpAddr)) -> Result<Self, Self::Error> {
        Self::new(start, end)
    }
}

impl From<AddressRange> for (IpAddr, IpAddr) {
    fn from(range: AddressRange) -> Self {
        (range.start, range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_slash_thirty_holds_a_gateway_and_one_container() {
        let subnet: Subnet = "10.254.0.4/30".parse().unwrap();
        assert_eq!(subnet.gateway(), Ipv4Addr::new(10, 254, 0, 5));
        let all: Vec<_> = subnet.container_addresses().collect();
        assert_eq!(all, [Ipv4Addr::new(10, 254, 0, 6)]);
        assert_eq!(subnet.broadcast(), Ipv4Addr::new(10, 254, 0, 7));
    }

    #[test]
    fn wrong_texts_are_told_apart() {
        let parse = |text: &str| text.parse::<Subnet>().unwrap_err();
        assert!(matches!(parse("10.0.0.0"), ParseSubnetError::Syntax(_)));
        assert!(matches!(
            parse("10.0.0.0/31"),
            ParseSubnetError::Bits { bits: 31, .. }
        ));
        assert!(matches!(
            parse("10.0.0.1/24"),
            ParseSubnetError::HostBits(_)
        ));
    }

    #[test]
    fn the_ipv6_twin_ends_in_the_ipv4_address() {
        let prefix = Ipv6Prefix::new("fd00:77::ffff:ffff".parse().unwrap());
        let twin = prefix.address(Ipv4Addr::new(10, 254, 0, 2));
        assert_eq!(twin, "fd00:77::afe:2".parse::<Ipv6Addr>().unwrap());
    }

    proptest! {
        #[test]
        fn text_round_trips(address in any::<u32>(), bits in 1_u8..=30) {
            let subnet = Subnet::containing(address.into(), bits).unwrap();
            prop_assert_eq!(subnet.to_string().parse::<Subnet>().unwrap(), subnet);
            prop_assert!(subnet.contains(address.into()));
            prop_assert!(subnet.contains(subnet.gateway()));
        }

        #[test]
        fn any_text_is_a_subnet_or_an_error(text in ".{0,24}") {
            _ = text.parse::<Subnet>();
        }

        #[test]
        fn parts_tile_the_whole(address in any::<u32>(), bits in 20_u8..=30, more in 0_u8..6) {
            let whole = Subnet::containing(address.into(), bits).unwrap();
            let part_bits = (bits + more).min(30);
            let count = whole.count(part_bits);
            for index in 0..count {
                let part = whole.nth(part_bits, index).unwrap();
                prop_assert!(whole.contains(part.base()) && whole.contains(part.broadcast()));
                if index > 0 {
                    let before = whole.nth(part_bits, index - 1).unwrap();
                    prop_assert!(!before.overlaps(part));
                }
            }
            prop_assert_eq!(whole.nth(part_bits, count), None);
        }
    }
}
