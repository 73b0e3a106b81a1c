//! What holds for all containers of one server, and the names that follow from it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use warren_sys_nft::{LogTarget, TableId};

use crate::address::{AddressRange, Ipv6Prefix, Subnet};
use crate::port::PortRange;
use crate::ruleset::FAMILY;

/// Largest packet on a container's link if the host's allows more, in bytes.
pub const MOST_MTU: u32 = 1500;

/// Tells apart two servers in one network namespace: nothing, or one letter or digit, which is
/// all that fits into the names of links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tag(Option<char>);

/// Not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tag {0:?} is neither empty nor one ASCII letter or digit")]
pub struct BadTag(String);

impl Tag {
    /// Reads a tag.
    ///
    /// # Errors
    /// [`BadTag`].
    pub fn new(text: &str) -> Result<Self, BadTag> {
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (None, _) => Ok(Self(None)),
            (Some(tag), None) if tag.is_ascii_alphanumeric() => Ok(Self(Some(tag))),
            _ => Err(BadTag(text.to_owned())),
        }
    }

    /// Name of a subnet's bridge: `wbrdg-` and the network address in hexadecimal.
    #[must_use]
    pub fn bridge(self, subnet: Subnet) -> String {
        format!("w{self}brdg-{:08x}", u32::from(subnet.base()))
    }

    /// Whether a link has the name of a bridge of this tag.
    #[must_use]
    pub fn is_bridge(self, link: &str) -> bool {
        let rest = link.strip_prefix(&format!("w{self}brdg-"));
        rest.is_some_and(|hex| hex.len() == 8 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// Name of the host's end of a container's veth pair; see [`id`].
    #[must_use]
    pub fn host_end(self, id: &str) -> String {
        format!("w{self}{id}-0")
    }

    /// Name of the container's end.
    #[must_use]
    pub fn container_end(self, id: &str) -> String {
        format!("w{self}{id}-1")
    }

    /// The table that holds all rules.
    #[must_use]
    pub fn table(self) -> TableId {
        let separator = if self.0.is_some() { "_" } else { "" };
        TableId::new(FAMILY, format!("warren_garden{separator}{self}"))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |tag| write!(f, "{tag}"))
    }
}

/// Eleven letters and digits that stand for a handle where its own text does not fit or is not
/// safe: 55 bits of its FNV-1a hash, so the same on every version of Warren.
#[must_use]
pub fn id(handle: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = handle
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // The last bits of an FNV hash are its weakest; fold the first ones in.
    let hash = hash ^ (hash >> 32);
    (0..11)
        .map(|index| char::from(ALPHABET[(hash >> (index * 5)) as usize & 31]))
        .collect()
}

/// What holds for all containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Tells this server's links and tables from another's.
    pub tag: Tag,
    /// Where containers that name no network get theirs.
    pub pool: Subnet,
    /// Host ports for mappings that name none.
    pub ports: PortRange,
    /// Gives containers an IPv6 address beside the other.
    pub ipv6: Option<Ipv6Prefix>,
    /// Largest packet on new links, in bytes; see [`crate::host::mtu`].
    pub mtu: u32,
    /// Addresses of the host at which mapped ports are reached; the first is what a container
    /// is told. Without any, ports cannot be mapped. See [`crate::host::external_address`].
    pub external: Vec<IpAddr>,
    /// What containers may not reach unless a net-out rule says so.
    pub deny: Vec<AddressRange>,
    /// Whether containers may reach the host itself.
    pub allow_host_access: bool,
    /// Whether they may ask a name server on the gateway address, even without host access.
    pub dns_on_gateway: bool,
    /// Destinations that see the containers' own addresses.
    pub no_masquerade: Vec<AddressRange>,
    /// Where logged net-out rules write: for a group with the whole handle, or most of it, before
    /// each packet, for the kernel's log with its first 28 bytes. That log tells nothing of network
    /// namespaces other than the first unless sysctl `net.netfilter.nf_log_all_netns` is set.
    pub log: LogTarget,
}

impl Default for Settings {
    fn default() -> Self {
        let pool = Subnet::containing(Ipv4Addr::new(10, 254, 0, 0), 22);
        Self {
            tag: Tag::default(),
            pool: pool.unwrap_or_else(|| unreachable!("22 is between 1 and 30")),
            ports: PortRange::default(),
            ipv6: None,
            mtu: MOST_MTU,
            external: Vec::new(),
            deny: Vec::new(),
            allow_host_access: false,
            dns_on_gateway: false,
            no_masquerade: Vec::new(),
            log: LogTarget::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_fit_a_link_and_begin_with_w() {
        let subnet: Subnet = "10.254.0.4/30".parse().unwrap();
        for tag in ["", "x", "7"] {
            let tag = Tag::new(tag).unwrap();
            let id = id("a handle of any length and with any letters; $(rm -rf /)");
            for name in [
                tag.bridge(subnet),
                tag.host_end(&id),
                tag.container_end(&id),
            ] {
                assert!(name.len() <= 15, "{name}");
                assert!(name.starts_with('w'));
            }
        }
        assert_eq!(Tag::default().bridge(subnet), "wbrdg-0afe0004");
        assert_eq!(Tag::new("a").unwrap().table().name, "warren_garden_a");
        assert!(Tag::default().is_bridge("wbrdg-0afe0004"));
        assert!(!Tag::default().is_bridge("wabrdg-0afe0004"));
        assert!(!Tag::default().is_bridge("wbrdg-mine"));
        assert!(Tag::new("a").unwrap().is_bridge("wabrdg-0afe0004"));
        for wrong in ["ab", "-", "é"] {
            assert!(Tag::new(wrong).is_err());
        }
    }

    #[test]
    fn ids_stay_the_same_and_differ() {
        assert_eq!(id(""), "b6pb5hr44u4");
        let many: BTreeSet<String> = (0..20_000).map(|n| id(&format!("c-{n}"))).collect();
        assert_eq!(many.len(), 20_000);
    }
}
