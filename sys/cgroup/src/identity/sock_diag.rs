//! Our cgroup id from the kernel's socket diagnostics.
//!
//! A socket remembers the group of the task that made it. `NETLINK_SOCK_DIAG` tells that group's
//! id, whatever namespaces and mounts are about (linux/inet_diag.h):
//!
//! ```text
//! request  family u8 | protocol u8 | extensions u8 | pad u8 | states u32 | socket id (48)
//! answer   family u8 | state u8 | timer u8 | retrans u8 | socket id (48)
//!          | expires u32 | rqueue u32 | wqueue u32 | uid u32 | inode u32 | attributes
//! socket id  source port be16 | destination port be16 | source 16 | destination 16
//!            | interface u32 | cookie 8
//! ```
//!
//! A dump filtered by source port is used rather than a lookup of the one socket, for kernels
//! differ in which end of a UDP socket a lookup calls the source. The answer is recognised by the
//! socket's inode.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrAny, SocketFlags, SocketType, ipproto,
};
use warren_sys_netlink as netlink;

use crate::id::CgroupId;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const INET_DIAG_CGROUP_ID: u16 = 21;
const REQUEST_LEN: usize = 56;
const ANSWER_LEN: usize = 72;
const INODE_AT: usize = 68;

/// Why socket diagnostics gave no id.
#[derive(Debug, thiserror::Error)]
pub enum DiagError {
    /// No socket could be made or bound to ask about.
    #[error("no {kind} socket to ask about")]
    Socket {
        /// Which kind.
        kind: Kind,
        /// The kernel's answer.
        source: Errno,
    },
    /// The kernel was not reached or refused; `ENOENT` = no diagnostics for this protocol.
    #[error("asking about a {kind} socket")]
    Netlink {
        /// Which kind.
        kind: Kind,
        /// The failed exchange.
        source: netlink::Error,
    },
    /// The answer does not have our socket.
    #[error("the kernel does not list our {0} socket")]
    NotListed(Kind),
    /// The answer has no cgroup id: Linux before 5.8, or built without `CONFIG_SOCK_CGROUP_DATA`.
    #[error("the kernel does not tell a {0} socket's cgroup")]
    NoCgroupId(Kind),
}

/// A kind of socket that can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
    /// Listening TCP over IPv4, on loopback.
    Tcp4,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Udp4 => "UDP",
            Self::Udp6 => "UDP (IPv6)",
            Self::Tcp4 => "TCP",
        })
    }
}

/// Asks about a UDP socket; where the kernel cannot answer that, about others.
pub(super) fn own_cgroup_id() -> Result<CgroupId, DiagError> {
    let first = ask(Kind::Udp4);
    if first.is_ok() {
        return first;
    }
    // The failure of the usual way says most.
    ask(Kind::Udp6).or_else(|_| ask(Kind::Tcp4)).or(first)
}

fn ask(kind: Kind) -> Result<CgroupId, DiagError> {
    let no_socket = |source| DiagError::Socket { kind, source };
    let socket = bound_socket(kind).map_err(no_socket)?;
    let inode = rustix::fs::fstat(&socket).map_err(no_socket)?.st_ino;
    let address = rustix::net::getsockname(&socket).map_err(no_socket)?;
    let port = SocketAddr::try_from(address).map_err(no_socket)?.port();

    let failed = |source| DiagError::Netlink { kind, source };
    let mut link = netlink::Socket::open(netlink::Protocol::SockDiag).map_err(failed)?;
    let request = netlink::MessageBuilder::new(SOCK_DIAG_BY_FAMILY, netlink::flags::DUMP)
        .family_header(&request(kind, port));
    for message in link.request(request).map_err(failed)? {
        let answer = parse(&message.payload).map_err(|e| failed(e.into()))?;
        if let Some(answer) = answer
            && u64::from(answer.inode) == inode
        {
            return answer.cgroup.ok_or(DiagError::NoCgroupId(kind));
        }
    }
    Err(DiagError::NotListed(kind))
}

fn bound_socket(kind: Kind) -> Result<OwnedFd, Errno> {
    let (family, kind_of, address): (_, _, SocketAddrAny) = match kind {
        // Any address: loopback may be down in a new network namespace.
        Kind::Udp4 => (
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into(),
        ),
        Kind::Udp6 => (
            AddressFamily::INET6,
            SocketType::DGRAM,
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into(),
        ),
        Kind::Tcp4 => (
            AddressFamily::INET,
            SocketType::STREAM,
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
        ),
    };
    let socket = rustix::net::socket_with(family, kind_of, SocketFlags::CLOEXEC, None)?;
    rustix::net::bind(&socket, &address)?;
    if kind == Kind::Tcp4 {
        // Only listening (or connected) sockets are listed.
        rustix::net::listen(&socket, 1)?;
    }
    Ok(socket)
}

fn request(kind: Kind, port: u16) -> [u8; REQUEST_LEN] {
    let (family, protocol) = match kind {
        Kind::Udp4 => (AddressFamily::INET, ipproto::UDP),
        Kind::Udp6 => (AddressFamily::INET6, ipproto::UDP),
        Kind::Tcp4 => (AddressFamily::INET, ipproto::TCP),
    };
    let mut request = [0_u8; REQUEST_LEN];
    let byte = |n: u32| u8::try_from(n).unwrap_or(u8::MAX);
    let head = [byte(family.as_raw().into()), byte(protocol.as_raw().get())];
    request[..2].copy_from_slice(&head);
    // Sockets in every state: an unconnected UDP socket counts as closed.
    request[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
    request[8..10].copy_from_slice(&port.to_be_bytes());
    request
}

pub(crate) struct Answer {
    pub(crate) inode: u32,
    pub(crate) cgroup: Option<CgroupId>,
}

/// `None` for a message too short to be about a socket.
pub(crate) fn parse(payload: &[u8]) -> Result<Option<Answer>, netlink::ParseError> {
    let inode = payload
        .get(INODE_AT..ANSWER_LEN)
        .and_then(|b| b.try_into().ok());
    let (Some(inode), Some(attributes)) = (inode, payload.get(ANSWER_LEN..)) else {
        return Ok(None);
    };
    let attribute = netlink::Attributes::new(attributes).find(INET_DIAG_CGROUP_ID)?;
    let cgroup = attribute.map(|a| a.u64().map(CgroupId)).transpose()?;
    Ok(Some(Answer {
        inode: u32::from_ne_bytes(inode),
        cgroup,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_request_names_the_port() {
        let request = request(Kind::Udp4, 0x1234);
        assert_eq!(request[..2], [2, 17]);
        assert_eq!(request[4..10], [255, 255, 255, 255, 0x12, 0x34]);
        assert!(request[10..].iter().all(|b| *b == 0));
    }

    #[test]
    fn an_answer_is_read() {
        let mut bytes = vec![0; ANSWER_LEN];
        bytes[INODE_AT..].copy_from_slice(&77_u32.to_ne_bytes());
        assert!(parse(&bytes).unwrap().unwrap().cgroup.is_none());
        let mut attributes = netlink::AttributeBuilder::new();
        attributes
            .put_u8(8, 0)
            .put_u64(INET_DIAG_CGROUP_ID, 1 << 33);
        bytes.extend(attributes.finish().unwrap());
        let answer = parse(&bytes).unwrap().unwrap();
        assert_eq!((answer.inode, answer.cgroup), (77, Some(CgroupId(1 << 33))));
    }

    proptest! {
        #[test]
        fn junk_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
            let _ = parse(&bytes);
        }
    }
}
