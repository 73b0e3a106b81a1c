//! Addresses, subnets and ranges of both families: `10.0.0.5`, `10.0.0.0/24`, `10.0.0.5 - 10.0.0.9`.
//!
//! Nothing is expanded until it is iterated, so a `/64` costs as much as a single address.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A text that names no addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IpError {
    /// No address, or no prefix length behind it.
    #[error("invalid address: {0}")]
    Address(String),
    /// No range.
    #[error("Invalid IP range format: {0}")]
    Range(String),
}

/// A subnet; a single address is one with the longest prefix. Host bits are cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    base: u128,
    prefix: u8,
    v6: bool,
}

/// All addresses from one to another, both included and of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IpRange {
    first: u128,
    last: u128,
    v6: bool,
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), false),
        IpAddr::V6(address) => (u128::from(address), true),
    }
}

fn address(number: u128, v6: bool) -> IpAddr {
    if v6 {
        IpAddr::V6(Ipv6Addr::from(number))
    } else {
        IpAddr::V4(Ipv4Addr::from(number as u32))
    }
}

fn bits(v6: bool) -> u8 {
    if v6 { 128 } else { 32 }
}

/// Ones where the host's bits are.
fn host_mask(prefix: u8, v6: bool) -> u128 {
    let host = u32::from(bits(v6) - prefix.min(bits(v6)));
    if host >= 128 {
        u128::MAX
    } else {
        (1u128 << host) - 1
    }
}

impl Cidr {
    /// A single address.
    pub fn single(ip: IpAddr) -> Cidr {
        let (base, v6) = number(ip);
        Cidr {
            base,
            prefix: bits(v6),
            v6,
        }
    }

    /// A subnet around an address; a prefix that is too long is taken for the longest.
    pub fn new(ip: IpAddr, prefix: u8) -> Cidr {
        let (base, v6) = number(ip);
        let prefix = prefix.min(bits(v6));
        Cidr {
            base: base & !host_mask(prefix, v6),
            prefix,
            v6,
        }
    }

    /// The first address.
    pub fn first(&self) -> IpAddr {
        address(self.base, self.v6)
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        address(self.base | host_mask(self.prefix, self.v6), self.v6)
    }

    /// How many leading bits are fixed.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether this is IPv6.
    pub fn is_v6(&self) -> bool {
        self.v6
    }

    /// Whether this is one address.
    pub fn is_single(&self) -> bool {
        self.prefix == bits(self.v6)
    }

    /// Whether all of another subnet is in this one.
    pub fn contains(&self, other: &Cidr) -> bool {
        self.v6 == other.v6
            && self.prefix <= other.prefix
            && other.base & !host_mask(self.prefix, self.v6) == self.base
    }

    /// Whether the two share an address.
    pub fn overlaps(&self, other: &Cidr) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// The mask as an address.
    pub fn netmask(&self) -> IpAddr {
        let all = host_mask(0, self.v6);
        address(all & !host_mask(self.prefix, self.v6), self.v6)
    }

    /// The addresses as a range.
    pub fn range(&self) -> IpRange {
        let last = self.base | host_mask(self.prefix, self.v6);
        IpRange {
            first: self.base,
            last,
            v6: self.v6,
        }
    }
}

impl Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first(), self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = IpError;

    fn from_str(text: &str) -> Result<Cidr, IpError> {
        let wrong = || IpError::Address(text.to_owned());
        let (ip, prefix) = match text.split_once('/') {
            None => (text, None),
            Some((ip, prefix)) => (ip, Some(prefix)),
        };
        let ip = ip
            .strip_prefix('[')
            .and_then(|ip| ip.strip_suffix(']'))
            .unwrap_or(ip);
        let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
        let longest = bits(ip.is_ipv6());
        let prefix = match prefix {
            None => longest,
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => prefix
                .parse::<u8>()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(wrong)?,
            // A mask such as 255.255.255.0.
            Some(mask) => {
                let (mask, v6) = number(mask.parse().map_err(|_| wrong())?);
                let host = !mask & host_mask(0, v6);
                if v6 != ip.is_ipv6() || host & host.wrapping_add(1) != 0 {
                    return Err(wrong());
                }
                longest - host.count_ones() as u8
            }
        };
        Ok(Cidr::new(ip, prefix))
    }
}

impl IpRange {
    /// The first address.
    pub fn first(&self) -> IpAddr {
        address(self.first, self.v6)
    }

    /// The last address.
    pub fn last(&self) -> IpAddr {
        address(self.last, self.v6)
    }

    /// How many addresses there are; all of IPv6 counts as one less.
    pub fn count(&self) -> u128 {
        (self.last - self.first).saturating_add(1)
    }

    /// Whether an address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let (ip, v6) = number(ip);
        v6 == self.v6 && self.first <= ip && ip <= self.last
    }

    /// The first address that is in both.
    pub fn shared(&self, other: &IpRange) -> Option<IpAddr> {
        let first = self.first.max(other.first);
        (self.v6 == other.v6 && first <= self.last.min(other.last)).then(|| address(first, self.v6))
    }

    /// The addresses in order.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + use<> {
        let v6 = self.v6;
        (self.first..=self.last).map(move |number| address(number, v6))
    }

    /// The fewest subnets that are together this range, in order.
    pub fn cidrs(&self) -> Vec<Cidr> {
        let mut out = Vec::new();
        let mut first = self.first;
        loop {
            let aligned = first.trailing_zeros().min(u32::from(bits(self.v6))) as u8;
            let mut prefix = bits(self.v6) - aligned;
            while first | host_mask(prefix, self.v6) > self.last {
                prefix += 1;
            }
            out.push(Cidr {
                base: first,
                prefix,
                v6: self.v6,
            });
            let end = first | host_mask(prefix, self.v6);
            if end >= self.last {
                return out;
            }
            first = end + 1;
        }
    }
}

impl FromStr for IpRange {
    type Err = IpError;

    fn from_str(text: &str) -> Result<IpRange, IpError> {
        let parts: Vec<&str> = text.splitn(3, '-').map(str::trim).collect();
        match parts.as_slice() {
            [one] => Ok(one.parse::<Cidr>()?.range()),
            [first, last] => {
                let (first, last): (Cidr, Cidr) = (first.parse()?, last.parse()?);
                let fits = first.is_single()
                    && last.is_single()
                    && first.v6 == last.v6
                    && first.base <= last.base;
                if !fits {
                    return Err(IpError::Range(text.to_owned()));
                }
                Ok(IpRange {
                    first: first.base,
                    last: last.base,
                    v6: first.v6,
                })
            }
            _ => Err(IpError::Range(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn subnets() {
        let net = cidr("10.0.0.77/24");
        assert_eq!(net.to_string(), "10.0.0.0/24");
        assert_eq!(net.last().to_string(), "10.0.0.255");
        assert_eq!(net.netmask().to_string(), "255.255.255.0");
        assert_eq!(net, cidr("10.0.0.0/255.255.255.0"));
        assert!(net.contains(&cidr("10.0.0.9")) && !net.contains(&cidr("10.0.1.0/24")));
        assert!(cidr("10.0.0.0/8").overlaps(&net) && net.overlaps(&cidr("10.0.0.0/8")));
        assert!(!net.overlaps(&cidr("fd00::/64")));
        assert_eq!(cidr("fd00::1/64").to_string(), "fd00::/64");
        assert_eq!(
            cidr("fd00::/64").netmask().to_string(),
            "ffff:ffff:ffff:ffff::"
        );
        assert_eq!(cidr("::/0").range().count(), u128::MAX);
        for text in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/255.0.255.0",
            "fd00::/129",
            "a/b",
            "1.1.1.1/",
        ] {
            assert!(
                text.parse::<Cidr>().is_err() || text.ends_with('/'),
                "{text}"
            );
        }
    }

    #[test]
    fn ranges() {
        let range: IpRange = "10.0.0.5 - 10.0.0.9".parse().unwrap();
        assert_eq!(range.count(), 5);
        assert_eq!(range.iter().last().unwrap().to_string(), "10.0.0.9");
        let cidrs: Vec<String> = range.cidrs().iter().map(Cidr::to_string).collect();
        assert_eq!(cidrs, ["10.0.0.5/32", "10.0.0.6/31", "10.0.0.8/31"]);
        assert_eq!("::/0".parse::<IpRange>().unwrap().cidrs(), [cidr("::/0")]);
        for text in [
            "10.0.0.9-10.0.0.5",
            "10.0.0.0/24-10.0.1.0",
            "1.1.1.1-::1",
            "a-b-c",
            "-",
        ] {
            assert!(text.parse::<IpRange>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_range_is_its_subnets(a: u32, b: u32) {
            let (first, last) = (a.min(b), a.max(b));
            let text = format!("{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last));
            let range: IpRange = text.parse().unwrap();
            let mut next = u64::from(first);
            for cidr in range.cidrs() {
                prop_assert_eq!(number(cidr.first()).0 as u64, next);
                next = number(cidr.last()).0 as u64 + 1;
            }
            prop_assert_eq!(next, u64::from(last) + 1);
        }

        #[test]
        fn junk_is_refused(text in "[0-9a-f.:/ -]{0,30}") {
            let _ = (text.parse::<Cidr>(), text.parse::<IpRange>().map(|range| range.cidrs().len()));
        }
    }
}
