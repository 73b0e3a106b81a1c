//! Who else has addresses on this machine, and which other environments run.
//!
//! Two environments of one machine need other networks and other letters. A new one takes what nobody has that
//! is in sight. One that rests is not in sight: others may take what it had, so it looks again before it starts.
//! Another letter costs nothing then, as nothing is left that has the old one; its addresses cannot change, as
//! certificates and machines have them, so whoever has them is named.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use warren_container_network::link::Rtnetlink;
use warren_container_network::settings::Tag;

use crate::network::{self, overlaps};
use crate::{Error, Level, Record, server};

const TAGS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// What there is on this machine.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// Names of all links.
    links: Vec<String>,
    /// Addresses and routes.
    used: Vec<Used>,
    /// Garden servers of other homes, in the same network.
    servers: Vec<Other>,
}

/// A network that something has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Used {
    address: IpAddr,
    bits: u8,
    link: String,
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
    fn holder(&self, network: [u8; 2], is_ours: impl Fn(&str) -> bool) -> Option<Holder> {
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
    fn has_tag(&self, tag: char) -> bool {
        self.servers.iter().any(|other| other.tag == tag)
            || self.links.iter().any(|link| is_bridge(tag, link))
    }

    /// A letter or digit that nobody has: for one home the same, if it is free.
    pub(crate) fn free_tag(&self, home: &Path) -> Result<char, Error> {
        let bytes = home.as_os_str().as_encoded_bytes();
        let sum = bytes.iter().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
        });
        let all = TAGS.iter().cycle().skip(sum % TAGS.len());
        all.take(TAGS.len())
            .map(|tag| char::from(*tag))
            .find(|tag| !self.has_tag(*tag))
            .ok_or(Error::NoTag)
    }

    /// Refuses to start an environment whose addresses somebody has by now; the letter that it may have.
    /// `has_left` some containers: then what has its letter may be its own.
    fn admit(&self, home: &Path, record: &Record, has_left: bool) -> Result<char, Error> {
        let is_mine = has_left && self.servers.iter().all(|other| other.tag != record.tag);
        let is_ours = |link: &str| is_mine && is_bridge(record.tag, link);
        for network in [record.machines, record.levels] {
            if let Some(holder) = self.holder(network, is_ours) {
                return Err(Error::Taken {
                    home: home.to_owned(),
                    network,
                    holder,
                });
            }
        }
        match has_left || !self.has_tag(record.tag) {
            true => Ok(record.tag),
            false => self.free_tag(home),
        }
    }
}

/// Makes sure that an environment of which nothing runs can be started beside what there is by now.
pub(crate) fn admit(home: &Path, record: &mut Record, executable: &Path) -> Result<(), Error> {
    let machine = Level::machine(home);
    if !server::all(&machine, executable).is_empty() {
        return Ok(());
    }
    let depot = machine.here("garden/depot");
    let has_left = depot.join(machine.container(record)).exists();
    let tag = Neighbours::of(home)?.admit(home, record, has_left)?;
    if tag != record.tag {
        record.tag = tag;
        record.write(home)?;
    }
    Ok(())
}

fn is_bridge(tag: char, link: &str) -> bool {
    Tag::new(tag.encode_utf8(&mut [0; 4])).is_ok_and(|tag| tag.is_bridge(link))
}

/// What a new environment gets: the networks of machines, unless they are given, and of levels, and its letter.
pub(crate) fn choose(
    home: &Path,
    machines: Option<[u8; 2]>,
) -> Result<([u8; 2], [u8; 2], char), Error> {
    let neighbours = Neighbours::of(home)?;
    let machines = match machines {
        None => network::machines_among(&neighbours)?,
        Some(network) => match neighbours.holder(network, |_| false) {
            None => network,
            Some(holder) => {
                return Err(Error::Taken {
                    home: home.to_owned(),
                    network,
                    holder,
                });
            }
        },
    };
    let levels = network::levels_among(&neighbours, machines)?;
    Ok((machines, levels, neighbours.free_tag(home)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(address: &str, bits: u8, link: &str) -> Used {
        Used {
            address: address.parse().unwrap(),
            bits,
            link: link.to_owned(),
        }
    }

    /// Another environment runs that has this letter and these addresses.
    fn beside(tag: char, network: &str) -> Neighbours {
        let link = format!("w{tag}brdg-0aff0000");
        Neighbours {
            links: vec!["lo".to_owned(), link.clone()],
            used: vec![used(network, 30, &link)],
            servers: vec![Other {
                home: "/other".into(),
                tag,
            }],
        }
    }

    #[test]
    fn addresses_that_somebody_took_are_refused_by_name() {
        let (home, record) = (Path::new("/home"), Record::example());
        let said = |neighbours: &Neighbours| {
            neighbours
                .admit(home, &record, false)
                .unwrap_err()
                .to_string()
        };
        let said_of_other = said(&beside('x', "10.255.0.1"));
        for words in [
            "10.255.0.0/16",
            "the environment in /other",
            "WARREN_HOME=/other warren stop",
        ] {
            assert!(said_of_other.contains(words), "{said_of_other}");
        }
        let mut docker = Neighbours::default();
        docker.used.push(used("10.0.0.0", 8, "vpn0"));
        docker.admit(home, &record, false).unwrap();
        assert!(!docker.is_free(record.machines));
        docker.used.push(used("10.244.3.1", 24, "docker0"));
        let said = said(&docker);
        assert!(
            said.contains("10.244.0.0/16") && said.contains("the link docker0"),
            "{said}"
        );
    }

    #[test]
    fn what_is_left_of_ones_own_is_in_nobodys_way() {
        let (home, record) = (Path::new("/home"), Record::example());
        let mut own = beside(record.tag, "10.255.0.1");
        own.servers.clear();
        assert_eq!(own.admit(home, &record, true).unwrap(), record.tag);
        // It is not ours if nothing of ours can be left.
        own.admit(home, &record, false).unwrap_err();
        // Nor if another runs with the same letter.
        beside(record.tag, "10.255.0.1")
            .admit(home, &record, true)
            .unwrap_err();
    }

    #[test]
    fn a_letter_that_somebody_took_is_changed_for_a_free_one() {
        let (home, record) = (Path::new("/home"), Record::example());
        let neighbours = beside(record.tag, "10.250.0.1");
        let tag = neighbours.admit(home, &record, false).unwrap();
        assert!(tag != record.tag && !neighbours.has_tag(tag), "{tag}");
        let nobody = Neighbours::default();
        assert_eq!(nobody.admit(home, &record, false).unwrap(), record.tag);
        // A new one has the same letter each time, unless that is taken.
        let usual = nobody.free_tag(home).unwrap();
        assert_ne!(beside(usual, "10.250.0.1").free_tag(home).unwrap(), usual);
        let links = TAGS
            .iter()
            .map(|tag| format!("w{}brdg-0aff0000", char::from(*tag)));
        let all = Neighbours {
            links: links.collect(),
            ..Neighbours::default()
        };
        let said = all.free_tag(home).unwrap_err().to_string();
        assert!(said.contains("36 environments"), "{said}");
    }
}
