//! Links, addresses and routes of one network namespace, over rtnetlink.
//!
//! An [`Rtnetlink`] belongs for good to the network namespace in which it was opened, so one
//! value for the host and one for each container do without entering namespaces again. Source:
//! Linux `include/uapi/linux/{rtnetlink,if_link,if_addr}.h`, rtnetlink(7).

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use warren_sys_netlink as netlink;
use warren_sys_netlink::{MessageBuilder, ParseError, Protocol, Socket};
use warren_sys_process::namespaces::{self, Kind};

pub use decode::{Address, LinkInfo, Route, Traffic, addresses, links, routes};
pub use encode::{Bridge, Change, Mac, Veth};

/// An rtnetlink operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No socket.
    #[error("cannot talk to rtnetlink")]
    Open(#[source] netlink::Error),
    /// The network namespace could not be entered to open the socket there.
    #[error("cannot enter the container's network namespace")]
    Enter(#[source] namespaces::Error),
    /// A request was refused or not answered.
    #[error("cannot {what}")]
    Request {
        /// What was tried, with the names and values in it.
        what: String,
        /// Why.
        #[source]
        source: netlink::Error,
    },
    /// The answer makes no sense.
    #[error("cannot {what}: the kernel's answer cannot be parsed")]
    Malformed {
        /// What was tried.
        what: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// The link is not there.
    #[error("there is no link {0}")]
    NoLink(String),
}

impl Error {
    /// The error number behind this error, if there is one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Open(source) | Self::Request { source, .. } => source.errno(),
            Self::NoLink(_) => Some(Errno::NODEV),
            _ => None,
        }
    }
}

/// A connection to the links, addresses and routes of one network namespace.
#[derive(Debug)]
pub struct Rtnetlink {
    socket: Socket,
}

impl Rtnetlink {
    /// Connects in the calling thread's network namespace. Changes need `CAP_NET_ADMIN` in the
    /// user namespace that owns it.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open() -> Result<Self, Error> {
        let socket = Socket::open(Protocol::Route).map_err(Error::Open)?;
        Ok(Self { socket })
    }

    /// Connects in the network namespace that `netns` (an open `/proc/PID/ns/net`) refers to.
    ///
    /// # Errors
    /// [`Error::Enter`] or [`Error::Open`].
    pub fn open_in(netns: BorrowedFd<'_>) -> Result<Self, Error> {
        namespaces::inside(netns, Kind::Net, Self::open).map_err(Error::Enter)?
    }

    /// The link of that name, if there is one.
    ///
    /// # Errors
    /// [`Error::Request`] or [`Error::Malformed`].
    pub fn link(&mut self, name: &str) -> Result<Option<LinkInfo>, Error> {
        let what = format!("look up link {name}");
        let answer = match self.socket.request(encode::get_link(name)) {
            Err(source) if source.errno() == Some(Errno::NODEV) => return Ok(None),
            answer => answer.map_err(request(&what))?,
        };
        let infos = decode::links(&answer).map_err(malformed(&what))?;
        Ok(infos.into_iter().next())
    }

    /// All links.
    ///
    /// # Errors
    /// [`Error::Request`] or [`Error::Malformed`].
    pub fn links(&mut self) -> Result<Vec<LinkInfo>, Error> {
        let what = "list links";
        let answer = self
            .socket
            .request(encode::list_links())
            .map_err(request(what))?;
        decode::links(&answer).map_err(malformed(what))
    }

    /// All addresses of all links.
    ///
    /// # Errors
    /// [`Error::Request`] or [`Error::Malformed`].
    pub fn addresses(&mut self) -> Result<Vec<Address>, Error> {
        let what = "list addresses";
        let answer = self
            .socket
            .request(encode::list_addresses())
            .map_err(request(what))?;
        decode::addresses(&answer).map_err(malformed(what))
    }

    /// The routes of the main table.
    ///
    /// # Errors
    /// [`Error::Request`] or [`Error::Malformed`].
    pub fn routes(&mut self) -> Result<Vec<Route>, Error> {
        let what = "list routes";
        let answer = self
            .socket
            .request(encode::list_routes())
            .map_err(request(what))?;
        decode::routes(&answer).map_err(malformed(what))
    }

    /// Makes a bridge, down.
    ///
    /// # Errors
    /// [`Error::Request`]; EEXIST if the name is taken.
    pub fn add_bridge(&mut self, bridge: &Bridge) -> Result<(), Error> {
        self.change(encode::add_bridge(bridge), || {
            format!("make bridge {}", bridge.name)
        })
    }

    /// Makes a veth pair, both ends down; `peer_netns` gets the second end.
    ///
    /// # Errors
    /// [`Error::Request`]; EEXIST if a name is taken, here or there.
    pub fn add_veth(
        &mut self,
        veth: &Veth,
        peer_netns: Option<BorrowedFd<'_>>,
    ) -> Result<(), Error> {
        let what = || format!("make veth pair {} and {}", veth.name, veth.peer);
        let message = encode::add_veth(veth, peer_netns).map_err(|source| Error::Request {
            what: what(),
            source: source.into(),
        })?;
        self.change(message, what)
    }

    /// Changes a link.
    ///
    /// # Errors
    /// [`Error::NoLink`] or [`Error::Request`].
    pub fn set(&mut self, name: &str, change: &Change) -> Result<(), Error> {
        let master = match change {
            Change::Master(bridge) => Some(self.index(bridge)?),
            _ => None,
        };
        let index = self.index(name)?;
        let message = encode::set_link(index, change, master);
        self.change(message, || format!("set {change} on link {name}"))
    }

    /// Moves a link to another network namespace.
    ///
    /// # Errors
    /// [`Error::NoLink`] or [`Error::Request`].
    pub fn move_to(&mut self, name: &str, netns: impl AsFd) -> Result<(), Error> {
        let index = self.index(name)?;
        let message = encode::move_link(index, netns.as_fd());
        self.change(message, || {
            format!("move link {name} to another network namespace")
        })
    }

    /// Deletes a link (of a veth pair, both ends); whether it was there.
    ///
    /// # Errors
    /// [`Error::Request`].
    pub fn delete(&mut self, name: &str) -> Result<bool, Error> {
        let what = || format!("delete link {name}");
        match self.change(encode::delete_link(name), what) {
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Deletes all links of a group in one go, which takes the kernel hardly longer than one of
    /// them; whether there were any.
    ///
    /// # Errors
    /// [`Error::Request`]; EPERM for group 0, in which every link begins.
    pub fn delete_group(&mut self, group: u32) -> Result<bool, Error> {
        let what = || format!("delete the links of group {group}");
        match self.change(encode::delete_group(group), what) {
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Gives a link an address; no error if it has it. IPv6 addresses skip duplicate
    /// detection, which would hold them back for a second.
    ///
    /// # Errors
    /// [`Error::NoLink`] or [`Error::Request`].
    pub fn add_address(&mut self, name: &str, address: IpAddr, bits: u8) -> Result<(), Error> {
        let index = self.index(name)?;
        let message = encode::add_address(index, address, bits);
        self.change(message, || {
            format!("give link {name} the address {address}/{bits}")
        })
    }

    /// Takes an address from a link; whether it had it.
    ///
    /// # Errors
    /// [`Error::NoLink`] or [`Error::Request`].
    pub fn delete_address(&mut self, name: &str, address: IpAddr, bits: u8) -> Result<bool, Error> {
        let index = self.index(name)?;
        let message = encode::delete_address(index, address, bits);
        let what = || format!("take the address {address}/{bits} from link {name}");
        match self.change(message, what) {
            Err(error) if error.errno() == Some(Errno::ADDRNOTAVAIL) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Sends what has no other route of `gateway`'s family to `gateway`, in place of an earlier
    /// such route of the same metric.
    ///
    /// # Errors
    /// [`Error::NoLink`] or [`Error::Request`]; ENETUNREACH if no address of the link is in the
    /// gateway's network.
    pub fn default_route(&mut self, name: &str, gateway: IpAddr) -> Result<(), Error> {
        let index = self.index(name)?;
        let message = encode::default_route(index, gateway);
        self.change(message, || {
            format!("route by way of {gateway} on link {name}")
        })
    }

    /// Sends what is for a network to a gateway that is in reach, in place of an earlier such route.
    /// It goes with the link on which the gateway is.
    ///
    /// # Errors
    /// [`Error::Request`]; ENETUNREACH if the gateway is not in reach.
    pub fn route(&mut self, to: IpAddr, bits: u8, gateway: IpAddr) -> Result<(), Error> {
        let message = encode::route(to, bits, gateway);
        self.change(message, || format!("route {to}/{bits} by way of {gateway}"))
    }

    fn index(&mut self, name: &str) -> Result<u32, Error> {
        self.link(name)?
            .map(|link| link.index)
            .ok_or_else(|| Error::NoLink(name.to_owned()))
    }

    fn change(&mut self, message: MessageBuilder, what: impl Fn() -> String) -> Result<(), Error> {
        match self.socket.request(message) {
            Ok(_) => Ok(()),
            Err(source) => Err(Error::Request {
                what: what(),
                source,
            }),
        }
    }
}

fn request(what: &str) -> impl Fn(netlink::Error) -> Error {
    move |source| Error::Request {
        what: what.to_owned(),
        source,
    }
}

fn malformed(what: &str) -> impl Fn(ParseError) -> Error {
    move |source| Error::Malformed {
        what: what.to_owned(),
        source,
    }
}
