//! Packets sent from inside a given cgroup, to see what the kernel makes of them.
//!
//! A socket belongs for ever to the cgroup of the task that made it. So a child is
//! born in the cgroup, makes its sockets there, sends, reports and ends. A TCP
//! attempt is one SYN: nothing waits for an answer.
#![expect(unsafe_code, reason = "runs in a raw clone of the process")]

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, bind, connect, ipproto, sendto, socket_with,
    sockopt,
};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::child;

/// Transport of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One SYN.
    Tcp,
    /// One datagram of one byte.
    Udp,
}

/// One packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// TCP or UDP.
    pub transport: Transport,
    /// Source port, so that a rule can tell this packet from others; see [`reserve_port`].
    pub source_port: u16,
    /// Where to.
    pub destination: SocketAddr,
}

/// What sending came to, as the sender saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Handed to the network stack; no refusal within the instant.
    Sent,
    /// Refused or failed at once.
    Failed(Errno),
}

/// No packet was sent at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pipe or the child could not be made.
    #[error("cannot start the sending process: {0}")]
    Start(#[source] Errno),
    /// The child could not enter the cgroup: EBUSY where controllers are enabled
    /// below it, EACCES where it is not ours, EOPNOTSUPP in a threaded one.
    #[error("the sending process cannot enter the cgroup: {0}")]
    EnterCgroup(#[source] Errno),
    /// The child ended before it reported everything.
    #[error("the sending process reported {reported} of {expected} attempts")]
    Report {
        /// Results received.
        reported: usize,
        /// Results due.
        expected: usize,
    },
}

/// A source port held for as long as the value lives.
#[derive(Debug)]
pub struct ReservedPort {
    _socket: OwnedFd,
    /// The number.
    pub port: u16,
}

/// Takes a free source port that [`send_from`] can use while the value lives.
///
/// # Errors
/// The kernel's, if it has no free port or no such family.
pub fn reserve_port(transport: Transport, ipv6: bool) -> Result<ReservedPort, Errno> {
    let any: SocketAddr = unspecified(ipv6, 0);
    let held = bound_socket(transport, any)?;
    let port = SocketAddr::try_from(rustix::net::getsockname(&held)?)?.port();
    Ok(ReservedPort {
        _socket: held,
        port,
    })
}

/// Sends each attempt from a child inside `cgroup` (a cgroup2 directory; `None`: our
/// own) and tells what the child saw, in order.
///
/// # Errors
/// Only when no attempt was made; see [`Error`].
pub fn send_from(
    cgroup: Option<BorrowedFd<'_>>,
    attempts: &[Attempt],
) -> Result<Vec<Outcome>, Error> {
    // The child is waited for before its report is read, so the report has to fit the pipe.
    let mut outcomes = Vec::with_capacity(attempts.len());
    for some in attempts.chunks(1024) {
        outcomes.extend(send_some(cgroup, some)?);
    }
    Ok(outcomes)
}

fn send_some(cgroup: Option<BorrowedFd<'_>>, attempts: &[Attempt]) -> Result<Vec<Outcome>, Error> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(Error::Start)?;
    let mut work = || {
        for attempt in attempts {
            let errno = send(attempt).err().map_or(0, Errno::raw_os_error);
            if rustix::io::write(&writer, &errno.to_ne_bytes()).is_err() {
                return;
            }
        }
    };
    // SAFETY: `work` makes only system calls, over memory that exists already.
    unsafe { child::run(cgroup, &mut work) }.map_err(|failure| match failure {
        child::Failure::Clone(errno) if cgroup.is_some() => Error::EnterCgroup(errno),
        child::Failure::Clone(errno) => Error::Start(errno),
        child::Failure::Enter(errno) => Error::EnterCgroup(errno),
    })?;
    drop(writer);
    receive(reader, attempts.len())
}

fn receive(reader: OwnedFd, expected: usize) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = Vec::with_capacity(expected);
    let mut word = [0u8; 4];
    while outcomes.len() < expected {
        match rustix::io::read(&reader, &mut word) {
            Ok(4) => outcomes.push(match i32::from_ne_bytes(word) {
                0 => Outcome::Sent,
                errno => Outcome::Failed(Errno::from_raw_os_error(errno)),
            }),
            Err(Errno::INTR) => {}
            _ => {
                return Err(Error::Report {
                    reported: outcomes.len(),
                    expected,
                });
            }
        }
    }
    Ok(outcomes)
}

fn send(attempt: &Attempt) -> Result<(), Errno> {
    let ipv6 = attempt.destination.is_ipv6();
    let socket = bound_socket(attempt.transport, unspecified(ipv6, attempt.source_port))?;
    match attempt.transport {
        Transport::Udp => {
            sendto(&socket, b"?", SendFlags::empty(), &attempt.destination).map(|_| ())
        }
        Transport::Tcp => match connect(&socket, &attempt.destination) {
            Ok(()) => Ok(()),
            // The SYN has passed the output hook by now; a local refusal has been
            // delivered as well, so this look does not wait.
            Err(Errno::INPROGRESS) => {
                let mut polled = [PollFd::new(&socket, PollFlags::OUT)];
                poll(&mut polled, Some(&Timespec::default()))?;
                sockopt::socket_error(&socket)?
            }
            Err(errno) => Err(errno),
        },
    }
}

fn bound_socket(transport: Transport, local: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if local.is_ipv6() {
        AddressFamily::INET6
    } else {
        AddressFamily::INET
    };
    let (kind, protocol) = match transport {
        Transport::Tcp => (SocketType::STREAM, ipproto::TCP),
        Transport::Udp => (SocketType::DGRAM, ipproto::UDP),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, kind, flags, Some(protocol))?;
    // The reserving socket and the sending one share the port.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if local.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &local)?;
    Ok(socket)
}

fn unspecified(ipv6: bool, port: u16) -> SocketAddr {
    if ipv6 {
        (std::net::Ipv6Addr::UNSPECIFIED, port).into()
    } else {
        (std::net::Ipv4Addr::UNSPECIFIED, port).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};

    #[test]
    fn a_syn_reaches_a_listener_and_a_closed_port_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Bound, so that nobody else gets it, but nobody listens.
        let bound = reserve_port(Transport::Tcp, false).unwrap();
        let closed = SocketAddr::from(([127, 0, 0, 1], bound.port));
        let held = reserve_port(Transport::Tcp, false).unwrap();
        let attempt = |destination| Attempt {
            transport: Transport::Tcp,
            source_port: held.port,
            destination,
        };
        let attempts = [attempt(closed), attempt(listener.local_addr().unwrap())];
        let outcomes = send_from(None, &attempts).unwrap();
        assert_eq!(
            outcomes,
            [Outcome::Failed(Errno::CONNREFUSED), Outcome::Sent]
        );
        assert_eq!(listener.accept().unwrap().1.port(), held.port);
    }

    #[test]
    fn a_datagram_arrives_with_the_reserved_source_port() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let held = reserve_port(Transport::Udp, false).unwrap();
        let attempt = Attempt {
            transport: Transport::Udp,
            source_port: held.port,
            destination: receiver.local_addr().unwrap(),
        };
        assert_eq!(send_from(None, &[attempt]).unwrap(), [Outcome::Sent]);
        assert_eq!(receiver.recv_from(&mut [0; 8]).unwrap().1.port(), held.port);
    }

    #[test]
    fn a_directory_that_is_no_cgroup_is_refused() {
        let root = std::fs::File::open("/").unwrap();
        let attempt = Attempt {
            transport: Transport::Udp,
            source_port: 0,
            destination: "127.0.0.1:9".parse().unwrap(),
        };
        let error = send_from(Some(std::os::fd::AsFd::as_fd(&root)), &[attempt]).unwrap_err();
        assert!(matches!(error, Error::EnterCgroup(_)), "{error}");
    }
}
