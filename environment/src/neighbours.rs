//! Who else has addresses on this machine, and which other environments run.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use warren_container_network::link::Rtnetlink;
use warren_container_network::settings::Tag;

use crate::network::{self, overlaps};
use crate::{Error, Level, server};

/// What there is on this machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Neighbours {
    /// Names of all links.
    pub links: Vec<String>,
    /// Addresses and routes.
    pub used: Vec<Used>,
    /// Garden servers of other homes, in the same network.
    pub servers: Vec<Other>,
}

/// A network that something has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Used {
    pub address: IpAddr,
    pub bits: u8,
    pub link: String,
}

/// Another environment that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    pub home: PathBuf,
    pub tag: char,
}

/// Who has addresses that an environment needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Another environment, by its home.
    Environment(PathBuf),
    /// One that is being started, of which no more can be seen.
    Starting,
    /// Somebody else, by the name of the link.
    Link(String),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Environment(home) => {
                let home = home.display();
                write!(
                    f,
                    "the environment in {home}: only one of them can run, and WARREN_HOME={home} warren stop \
                     ends that one"
                )
            }
            Holder::Starting => write!(
                f,
                "another environment that is being started just now: wait until that is done, then give this \
                 command again"
            ),
            Holder::Link(link) => write!(
                f,
                "the link {link}: take that away, or have this environment made anew elsewhere with warren down \
                 and warren up"
            ),
        }
    }
}

impl Neighbours {
    /// Looks around from a home.
    pub(crate) fn of(home: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Network {
            step: "look at this machine's addresses".to_owned(),
            source,
        };
        let mut netlink = Rtnetlink::open().map_err(failed)?;
        let links = netlink.links().map_err(failed)?;
        let name = |index: Option<u32>| {
            let found = links.iter().find(|link| Some(link.index) == index);
            found.map_or_else(|| "of a route".to_owned(), |link| link.name.clone())
        };
        let addresses = netlink.addresses().map_err(failed)?.into_iter();
        let addresses = addresses.map(|one| Used {
            address: one.address,
            bits: one.bits,
            link: name(Some(one.link)),
        });
        let routes = netlink.routes().map_err(failed)?.into_iter();
        let routes = routes.filter_map(|route| {
            let (address, bits) = route.to?;
            let link = name(route.link);
            Some(Used {
                address,
                bits,
                link,
            })
        });
        Ok(Self {
            used: addresses.chain(routes).collect(),
            links: links.iter().map(|link| link.name.clone()).collect(),
            servers: server::others(&Level::machine(home)),
        })
    }

    /// Whether nobody has any of a network.
    pub(crate) fn is_free(&self, network: [u8; 2]) -> bool {
        let mut used = self.used.iter();
        !used.any(|one| overlaps(network, one.address, one.bits))
    }

    /// Who has some of a network, on links that are not ours. A wider one, such as that of a VPN, keeps nobody
    /// from having a part of it.
    pub(crate) fn holder(
        &self,
        network: [u8; 2],
        is_ours: impl Fn(&str) -> bool,
    ) -> Option<Holder> {
        let mut used = self.used.iter().filter(|one| one.bits >= network::BITS);
        let found =
            used.find(|one| overlaps(network, one.address, one.bits) && !is_ours(&one.link))?;
        let mut servers = self.servers.iter();
        let owner = servers.find(|other| is_bridge(other.tag, &found.link));
        Some(match owner {
            Some(other) => Holder::Environment(other.home.clone()),
            None => Holder::Link(found.link.clone()),
        })
    }

    /// Whether an environment has this letter, or a link that was made with it.
    pub(crate) fn has_tag(&self, tag: char) -> bool {
        self.servers.iter().any(|other| other.tag == tag)
            || self.links.iter().any(|link| is_bridge(tag, link))
    }

    /// Refuses addresses that somebody has by now.
    pub(crate) fn admit(
        &self,
        home: &Path,
        networks: [[u8; 2]; 2],
        is_ours: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let mut held = networks
            .into_iter()
            .filter_map(|network| Some((network, self.holder(network, &is_ours)?)));
        match held.next() {
            None => Ok(()),
            Some((network, holder)) => Err(Error::taken(home, network, holder)),
        }
    }
}

/// Whether a link has the name of a bridge of a letter.
pub(crate) fn is_bridge(tag: char, link: &str) -> bool {
    Tag::new(tag.encode_utf8(&mut [0; 4])).is_ok_and(|tag| tag.is_bridge(link))
}
