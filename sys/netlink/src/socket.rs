//! The socket: datagrams to and from the kernel, and requests with their answers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::{Error, Message, MessageBuilder, flags, kind, message, sockopt as netlink_option};

/// What room to ask for queued messages; enough for long dumps and bursts of events.
const RECEIVE_BUFFER: usize = 4 << 20;
/// First guess at a datagram's size; the kernel fills dumps up to 32 KiB at a time.
const DATAGRAM: usize = 64 << 10;
/// How often an interrupted dump is tried.
const DUMP_ATTEMPTS: u32 = 200;
/// The kernel answers requests at once; waiting longer than this means it never will.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Which part of the kernel a socket talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Links, addresses, routes (`NETLINK_ROUTE`).
    Route,
    /// Sockets of the network namespace (`NETLINK_SOCK_DIAG`).
    SockDiag,
    /// nfnetlink: nftables, conntrack (`NETLINK_NETFILTER`).
    Netfilter,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Route => "NETLINK_ROUTE",
            Self::SockDiag => "NETLINK_SOCK_DIAG",
            Self::Netfilter => "NETLINK_NETFILTER",
        }
    }

    fn number(self) -> Option<rustix::net::Protocol> {
        match self {
            Self::Route => None,
            Self::SockDiag => Some(netlink::SOCK_DIAG),
            Self::Netfilter => Some(netlink::NETFILTER),
        }
    }
}

/// A netlink socket. It belongs to the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    port: u32,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a close-on-exec socket in the calling thread's network namespace.
    pub fn open(protocol: Protocol) -> Result<Self, Error> {
        let failed = |source| Error::Open {
            protocol: protocol.name(),
            source,
        };
        let fd = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol.number(),
        )
        .map_err(failed)?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, 0)).map_err(failed)?;
        let address = rustix::net::getsockname(&fd).map_err(failed)?;
        let port = SocketAddrNetlink::try_from(address).map_err(failed)?.pid();
        let option = |name| {
            move |source| Error::Option {
                option: name,
                source,
            }
        };
        netlink_option::set(&fd, netlink_option::EXT_ACK, 1).map_err(option("NETLINK_EXT_ACK"))?;
        netlink_option::set(&fd, netlink_option::CAP_ACK, 1).map_err(option("NETLINK_CAP_ACK"))?;
        let mut socket = Self {
            fd,
            port,
            sequence: 0,
            buffer: vec![0; DATAGRAM],
        };
        socket.set_receive_buffer(RECEIVE_BUFFER)?;
        Ok(socket)
    }

    /// The address the kernel gave this socket; it marks the changes the socket makes.
    #[must_use]
    pub fn port_id(&self) -> u32 {
        self.port
    }

    /// Joins multicast group number `group` (a number, not a mask).
    pub fn join_group(&self, group: u32) -> Result<(), Error> {
        netlink_option::set(&self.fd, netlink_option::ADD_MEMBERSHIP, group).map_err(|source| {
            Error::Option {
                option: "NETLINK_ADD_MEMBERSHIP",
                source,
            }
        })
    }

    /// Asks for room for at least `bytes` of unread messages. Without
    /// `CAP_NET_ADMIN` the system's limit (`net.core.rmem_max`) applies.
    pub fn set_receive_buffer(&mut self, bytes: usize) -> Result<(), Error> {
        sockopt::set_socket_recv_buffer_size_force(&self.fd, bytes)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&self.fd, bytes))
            .map_err(|source| Error::Option {
                option: "SO_RCVBUF",
                source,
            })
    }

    /// Asks for room to send one datagram of `bytes`. Without
    /// `CAP_NET_ADMIN` the system's limit (`net.core.wmem_max`) applies.
    pub fn set_send_buffer(&mut self, bytes: usize) -> Result<(), Error> {
        sockopt::set_socket_send_buffer_size_force(&self.fd, bytes)
            .or_else(|_| sockopt::set_socket_send_buffer_size(&self.fd, bytes))
            .map_err(|source| Error::Option {
                option: "SO_SNDBUF",
                source,
            })
    }

    /// A sequence number not used by this socket before; never 0, which
    /// marks messages that answer no request.
    pub fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }

    /// Sends one datagram to the kernel, growing the send buffer to its size if needed.
    pub fn send(&mut self, datagram: &[u8]) -> Result<(), Error> {
        let kernel = SocketAddrNetlink::new(0, 0);
        let mut grown = false;
        loop {
            match rustix::net::sendto(&self.fd, datagram, SendFlags::empty(), &kernel) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::MSGSIZE) if !grown => {
                    grown = true;
                    self.set_send_buffer(datagram.len().saturating_add(4096))?;
                }
                Err(source) => {
                    return Err(Error::Send {
                        length: datagram.len(),
                        source,
                    });
                }
            }
        }
    }

    /// Receives the messages of one datagram from the kernel; `None` waits for ever.
    ///
    /// Datagrams from other processes are dropped. The result is never empty.
    pub fn recv(&mut self, timeout: Option<Duration>) -> Result<Vec<Message>, Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            self.wait(deadline)?;
            let messages = match self.receive_now() {
                Err(Error::Receive(Errno::AGAIN | Errno::INTR)) => continue,
                other => other?,
            };
            if !messages.is_empty() {
                return Ok(messages);
            }
        }
    }

    /// Receives what is queued without waiting; empty if the datagram is not the kernel's.
    fn receive_now(&mut self) -> Result<Vec<Message>, Error> {
        // A first look tells the size, so that nothing is ever cut off.
        let look = RecvFlags::PEEK | RecvFlags::TRUNC | RecvFlags::DONTWAIT;
        let failed = |errno| match errno {
            Errno::NOBUFS => Error::Overrun,
            errno => Error::Receive(errno),
        };
        let (_, length) =
            rustix::net::recv(&self.fd, &mut self.buffer[..], look).map_err(failed)?;
        if length > self.buffer.len() {
            self.buffer.resize(length, 0);
        }
        let (_, length, from) =
            rustix::net::recvfrom(&self.fd, &mut self.buffer[..], RecvFlags::DONTWAIT)
                .map_err(failed)?;
        let from = from.and_then(|address| SocketAddrNetlink::try_from(address).ok());
        if from.is_none_or(|from| from.pid() != 0) {
            return Ok(Vec::new());
        }
        Ok(message::split(
            &self.buffer[..length.min(self.buffer.len())],
        )?)
    }

    /// Waits until there is something to receive.
    fn wait(&self, deadline: Option<Instant>) -> Result<(), Error> {
        loop {
            let remaining = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            let timeout = remaining.map(|r| Timespec {
                tv_sec: i64::try_from(r.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: i64::from(r.subsec_nanos()),
            });
            match poll(
                &mut [PollFd::new(&self.fd, PollFlags::IN)],
                timeout.as_ref(),
            ) {
                Ok(0) => return Err(Error::TimedOut),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::Receive(errno)),
            }
        }
    }

    /// Sends a request and collects its answer: the messages up to the
    /// acknowledgement, or for a dump (flag [`flags::DUMP`]) up to its end.
    ///
    /// A dump that the kernel marks as inconsistent is repeated. Messages that
    /// belong to other requests are dropped, so do not mix this with
    /// multicast groups on one socket.
    pub fn request(&mut self, request: MessageBuilder) -> Result<Vec<Message>, Error> {
        let is_dump = request.flags() & flags::DUMP == flags::DUMP;
        let request = request.with_flags(flags::REQUEST | if is_dump { 0 } else { flags::ACK });
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.next_sequence();
            let datagram = request.clone().finish(sequence)?;
            self.send(&datagram)?;
            if let Some(messages) = self.collect(sequence)? {
                return Ok(messages);
            }
        }
        Err(Error::DumpInterrupted {
            attempts: DUMP_ATTEMPTS,
        })
    }

    /// The answer to request `sequence`, or `None` if it is inconsistent.
    fn collect(&mut self, sequence: u32) -> Result<Option<Vec<Message>>, Error> {
        let mut answer = Vec::new();
        let mut interrupted = false;
        loop {
            for message in self.recv(Some(ANSWER_TIMEOUT))? {
                if message.seq != sequence || message.port != self.port {
                    continue;
                }
                interrupted |= message.flags & flags::DUMP_INTR != 0;
                match message.kind {
                    kind::NOOP => {}
                    kind::OVERRUN => return Err(Error::Overrun),
                    kind::ERROR | kind::DONE => {
                        return match message.status()? {
                            // The kernel may also abort an outdated dump.
                            Some(error) if is_outdated(error.errno) => Ok(None),
                            Some(error) => Err(Error::Kernel(error)),
                            None if interrupted => Ok(None),
                            None => Ok(Some(answer)),
                        };
                    }
                    _ => answer.push(message),
                }
            }
        }
    }
}

/// The errors by which a dump says that it ran into a concurrent change.
fn is_outdated(errno: Errno) -> bool {
    matches!(errno, Errno::INTR | Errno::AGAIN)
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
