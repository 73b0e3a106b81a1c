//! From links as they are to links and rules as they should be. Pure.
//!
//! Rules come first on the way up, so that no packet of a container is ever unjudged, and the
//! link goes first on the way down.

use std::fmt;
use std::net::IpAddr;

use warren_sys_nft::Batch;

use crate::link::{Bridge, LinkInfo, Mac, Veth};
use crate::record::Record;
use crate::ruleset::Ruleset;
use crate::settings::Settings;

#[cfg(test)]
mod tests;

/// Which network namespace a step is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The host's: the one with the bridges.
    Host,
    /// The container's.
    Container,
}

/// Something to do; each is atomic in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Commits a transaction of rules.
    Rules(Batch),
    /// Makes a bridge.
    AddBridge(Bridge),
    /// Makes a veth pair with its second end in the container.
    AddVeth(Veth),
    /// Deletes a link of the host.
    Delete(String),
    /// Deletes links of the host, those that are there, in one go.
    DeleteAll(Vec<String>),
    /// Marks a bridge of the host, if it is there, as one that nobody is on and that is to go.
    SetAside(String),
    /// Makes a link of the host a port of a bridge.
    Attach {
        /// The link.
        link: String,
        /// The bridge.
        bridge: String,
    },
    /// Lets the bridge send packets back to the port they came from. Needed by a container that
    /// reaches itself by way of a mapped port where bridged packets pass the IP hooks
    /// (br_netfilter): the bridge then turns them around without routing.
    Hairpin(String),
    /// Has a link of the host take no IPv4 packet whose sender is not reached by way of it.
    ReversePath(String),
    /// Sets a link's MTU.
    Mtu {
        /// Where.
        place: Place,
        /// Which link.
        link: String,
        /// Bytes.
        mtu: u32,
    },
    /// Gives a link an address.
    Address {
        /// Where.
        place: Place,
        /// Which link.
        link: String,
        /// The address.
        address: IpAddr,
        /// Prefix length of its network.
        bits: u8,
    },
    /// Sets a link up.
    Up {
        /// Where.
        place: Place,
        /// Which link.
        link: String,
    },
    /// Waits until packets pass through a link, which is up.
    Await {
        /// Where.
        place: Place,
        /// Which link.
        link: String,
    },
    /// Routes the container's packets by way of the bridge.
    DefaultRoute {
        /// The container's link.
        link: String,
        /// The bridge's address.
        gateway: IpAddr,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules(_) => f.write_str("commit the firewall rules"),
            Self::AddBridge(bridge) => write!(f, "make bridge {}", bridge.name),
            Self::AddVeth(veth) => write!(f, "make veth pair {} and {}", veth.name, veth.peer),
            Self::Delete(link) => write!(f, "delete link {link}"),
            Self::DeleteAll(links) => write!(f, "delete links {}", links.join(", ")),
            Self::SetAside(bridge) => write!(f, "set bridge {bridge} aside"),
            Self::Attach { link, bridge } => write!(f, "attach {link} to {bridge}"),
            Self::Hairpin(link) => write!(f, "set hairpin mode of {link}"),
            Self::ReversePath(link) => write!(f, "set the reverse path filter of {link}"),
            Self::Mtu { link, mtu, .. } => write!(f, "set the MTU of {link} to {mtu}"),
            Self::Address {
                link,
                address,
                bits,
                ..
            } => write!(f, "give {link} the address {address}/{bits}"),
            Self::Up { link, .. } => write!(f, "set {link} up"),
            Self::Await { link, .. } => write!(f, "wait until packets pass through {link}"),
            Self::DefaultRoute { gateway, .. } => write!(f, "route by way of {gateway}"),
        }
    }
}

/// One link with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The link.
    pub link: LinkInfo,
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// The links of one container as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The bridge of its subnet.
    pub bridge: Option<Seen>,
    /// The host's end of its veth pair.
    pub host_end: Option<Seen>,
    /// The container's end; `None` as well if the container was not looked at.
    pub container_end: Option<Seen>,
    /// Whether the container's loopback link is up.
    pub is_loopback_up: bool,
    /// Gateways of the container's default routes.
    pub gateways: Vec<IpAddr>,
}

/// The links of one container, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The bridge of its subnet.
    pub bridge: String,
    /// The host's end of its veth pair.
    pub host_end: String,
    /// The container's end.
    pub container_end: String,
}

impl Names {
    /// The names under these settings.
    #[must_use]
    pub fn of(settings: &Settings, record: &Record) -> Self {
        let id = record.id();
        Self {
            bridge: settings.tag.bridge(record.lease.subnet),
            host_end: settings.tag.host_end(&id),
            container_end: settings.tag.container_end(&id),
        }
    }
}

/// A name of ours is taken by something that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is a link {link} already that is a {found}, not a {expected}: remove or rename it")]
pub struct Foreign {
    /// Its name.
    pub link: String,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub expected: &'static str,
}

/// Steps to the network of one container, in order; for one that is complete, the rules alone.
///
/// # Errors
/// [`Foreign`].
pub fn set_up(
    settings: &Settings,
    record: &Record,
    observed: &Observed,
) -> Result<Vec<Step>, Foreign> {
    let names = Names::of(settings, record);
    check_kind(observed.bridge.as_ref(), "bridge")?;
    check_kind(observed.host_end.as_ref(), "veth")?;
    let ruleset = Ruleset::new(settings);
    let mut rules = ruleset.base();
    rules.append(ruleset.container(record));
    let mut steps = vec![Step::Rules(rules)];
    bridge(record, &names, observed, &mut steps);
    pair(record, &names, observed, &mut steps);
    container(record, &names, observed, &mut steps);
    ready(&names, observed, &mut steps);
    Ok(steps)
}

/// The last steps: the container's first packet is not to be lost.
fn ready(names: &Names, observed: &Observed, steps: &mut Vec<Step>) {
    let ends = [
        (
            Place::Container,
            &names.container_end,
            &observed.container_end,
        ),
        (Place::Host, &names.host_end, &observed.host_end),
        (Place::Host, &names.bridge, &observed.bridge),
    ];
    let is_new = observed.host_end.is_none() || observed.container_end.is_none();
    for (place, link, seen) in ends {
        if is_new || seen.as_ref().is_none_or(|seen| !seen.link.is_ready) {
            steps.push(Step::Await {
                place,
                link: link.clone(),
            });
        }
    }
}

fn check_kind(seen: Option<&Seen>, expected: &'static str) -> Result<(), Foreign> {
    match seen {
        Some(seen) if seen.link.kind.as_deref() != Some(expected) => Err(Foreign {
            link: seen.link.name.clone(),
            found: seen
                .link
                .kind
                .clone()
                .unwrap_or_else(|| "device".to_owned()),
            expected,
        }),
        _ => Ok(()),
    }
}

fn bridge(record: &Record, names: &Names, observed: &Observed, steps: &mut Vec<Step>) {
    let name = &names.bridge;
    let seen = observed.bridge.as_ref();
    if seen.is_none() {
        steps.push(Step::AddBridge(Bridge {
            name: name.clone(),
            mac: mac(2, record.lease.subnet.gateway()),
            mtu: record.mtu,
        }));
    }
    for (address, bits) in record.gateways() {
        address_step(Place::Host, name, seen, (address, bits), steps);
    }
    if seen.is_none_or(|seen| !seen.link.is_up) {
        steps.push(Step::ReversePath(name.clone()));
        steps.push(up(Place::Host, name));
    }
}

fn pair(record: &Record, names: &Names, observed: &Observed, steps: &mut Vec<Step>) {
    let mut host_end = observed.host_end.as_ref();
    if observed.container_end.is_none() || host_end.is_none() {
        // Half a pair, or one whose other end is in a network namespace that is not this
        // container's any more.
        if host_end.take().is_some() {
            steps.push(Step::Delete(names.host_end.clone()));
        }
        steps.push(Step::AddVeth(Veth {
            name: names.host_end.clone(),
            peer: names.container_end.clone(),
            peer_mac: mac(6, record.lease.address),
            mtu: record.mtu,
        }));
    } else if host_end.is_some_and(|seen| seen.link.mtu != record.mtu) {
        steps.push(Step::Mtu {
            place: Place::Host,
            link: names.host_end.clone(),
            mtu: record.mtu,
        });
    }
    let bridge = observed.bridge.as_ref().map(|seen| seen.link.index);
    let is_attached = bridge.is_some() && host_end.is_some_and(|end| end.link.master == bridge);
    if !is_attached {
        steps.push(Step::Attach {
            link: names.host_end.clone(),
            bridge: names.bridge.clone(),
        });
    }
    if !is_attached || host_end.is_some_and(|end| !end.link.is_hairpin) {
        steps.push(Step::Hairpin(names.host_end.clone()));
    }
    if host_end.is_none_or(|seen| !seen.link.is_up) {
        steps.push(up(Place::Host, &names.host_end));
    }
}

fn container(record: &Record, names: &Names, observed: &Observed, steps: &mut Vec<Step>) {
    let name = &names.container_end;
    let seen = observed
        .container_end
        .as_ref()
        .filter(|_| observed.host_end.is_some());
    if !observed.is_loopback_up {
        steps.push(up(Place::Container, "lo"));
    }
    for address in record.addresses() {
        address_step(Place::Container, name, seen, address, steps);
    }
    if seen.is_some_and(|seen| seen.link.mtu != record.mtu) {
        steps.push(Step::Mtu {
            place: Place::Container,
            link: name.clone(),
            mtu: record.mtu,
        });
    }
    if seen.is_none_or(|seen| !seen.link.is_up) {
        steps.push(up(Place::Container, name));
    }
    for (gateway, _) in record.gateways() {
        if seen.is_none() || !observed.gateways.contains(&gateway) {
            steps.push(Step::DefaultRoute {
                link: name.clone(),
                gateway,
            });
        }
    }
}

fn address_step(
    place: Place,
    link: &str,
    seen: Option<&Seen>,
    (address, bits): (IpAddr, u8),
    steps: &mut Vec<Step>,
) {
    if seen.is_none_or(|seen| !seen.addresses.contains(&(address, bits))) {
        steps.push(Step::Address {
            place,
            link: link.to_owned(),
            address,
            bits,
        });
    }
}

fn up(place: Place, link: &str) -> Step {
    Step::Up {
        place,
        link: link.to_owned(),
    }
}

/// A locally administered address that follows from the IPv4 address: a container that comes
/// back under its old address is found by neighbours that still remember it.
fn mac(first: u8, address: std::net::Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    Mac([first, 0, a, b, c, d])
}

/// Who is still there when a container leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Another container in the same subnet.
    InSubnet,
    /// Containers in other subnets only.
    Elsewhere,
    /// Nobody.
    None,
}

/// Steps that remove what is left of a container's network, in order.
///
/// # Errors
/// [`Foreign`].
pub fn tear_down(
    settings: &Settings,
    record: &Record,
    observed: &Observed,
    others: Others,
) -> Result<Vec<Step>, Foreign> {
    check_kind(observed.host_end.as_ref(), "veth")?;
    let names = Names::of(settings, record);
    let ruleset = Ruleset::new(settings);
    let mut steps = Vec::new();
    if observed.host_end.is_some() {
        steps.push(Step::Delete(names.host_end));
    }
    steps.push(Step::Rules(match others {
        Others::InSubnet => ruleset.without_container(record, false),
        Others::Elsewhere => ruleset.without_container(record, true),
        Others::None => ruleset.nothing(),
    }));
    if observed.bridge.is_some() && others != Others::InSubnet {
        check_kind(observed.bridge.as_ref(), "bridge")?;
        steps.push(Step::Delete(names.bridge));
    }
    Ok(steps)
}
