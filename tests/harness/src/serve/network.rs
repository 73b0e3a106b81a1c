//! Connections, listeners and datagrams.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{During, Failure, failure};
use crate::protocol::Connected;

/// The listeners of an actor and what they counted.
#[derive(Debug, Default)]
pub(super) struct Listeners(HashMap<SocketAddr, Arc<Listener>>);

/// A socket, and how much was taken from it. Taking and counting happen under
/// one lock, so that a count is right as soon as the socket has nothing to give.
#[derive(Debug)]
struct Listener {
    socket: Socket,
    taken: Mutex<u64>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Listeners {
    pub(super) fn tcp(&mut self, address: SocketAddr) -> Result<SocketAddr, Failure> {
        let listener =
            TcpListener::bind(address).during(|| format!("listen at {address} for TCP"))?;
        let address = listener
            .local_addr()
            .during(|| "ask for the address".to_owned())?;
        Ok(self.add(address, Socket::Tcp(listener)))
    }

    pub(super) fn udp(&mut self, address: SocketAddr) -> Result<SocketAddr, Failure> {
        let socket = UdpSocket::bind(address).during(|| format!("listen at {address} for UDP"))?;
        let address = socket
            .local_addr()
            .during(|| "ask for the address".to_owned())?;
        Ok(self.add(address, Socket::Udp(socket)))
    }

    /// Takes and counts on a thread of its own until the actor ends.
    fn add(&mut self, address: SocketAddr, socket: Socket) -> SocketAddr {
        let listener = Arc::new(Listener {
            socket,
            taken: Mutex::new(0),
        });
        self.0.insert(address, Arc::clone(&listener));
        std::thread::spawn(move || {
            loop {
                listener.wait(None);
                listener.take_one();
            }
        });
        address
    }

    pub(super) fn accepted(&self, address: SocketAddr) -> Result<u64, Failure> {
        let listener = self.0.get(&address);
        let listener =
            listener.ok_or_else(|| failure("count", format!("no listener at {address}")))?;
        loop {
            let taken = listener
                .taken
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !listener.wait(Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            })) {
                return Ok(*taken);
            }
            drop(taken);
            std::thread::yield_now();
        }
    }
}

impl Listener {
    /// Whether there is something to take, or is within `limit`.
    fn wait(&self, limit: Option<&Timespec>) -> bool {
        let socket = match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Udp(socket) => socket.as_fd(),
        };
        let mut waiting = [PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        matches!(poll(&mut waiting, limit), Ok(1))
    }

    fn take_one(&self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match &self.socket {
            Socket::Tcp(socket) => socket.accept().map(|_| ()),
            Socket::Udp(socket) => socket.recv_from(&mut [0; 2048]).map(|_| ()),
        };
        // An error of one connection is not one of the listener.
        *taken += u64::from(done.is_ok());
    }
}

pub(super) fn connect(address: SocketAddr, timeout: Duration) -> Connected {
    match TcpStream::connect_timeout(&address, timeout) {
        Ok(_) => Connected::Connected,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Connected::TimedOut,
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::CONNREFUSED) => Connected::Refused,
            Some(Errno::NETUNREACH | Errno::HOSTUNREACH) => Connected::Unreachable,
            Some(Errno::PERM | Errno::ACCESS) => Connected::NotPermitted,
            Some(errno) => Connected::Errno(errno.raw_os_error()),
            None => Connected::Errno(0),
        },
    }
}

pub(super) fn send_udp(address: SocketAddr, payload: &[u8]) -> Result<(), Failure> {
    let any: SocketAddr = if address.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    UdpSocket::bind(any)
        .and_then(|socket| socket.send_to(payload, address))
        .map(|_| ())
        .during(|| format!("send a datagram to {address}"))
}
