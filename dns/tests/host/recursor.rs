//! A server to ask: it says what the test wants, and counts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use warren_tests_harness::NetNs;

/// From a query, and whether it came over TCP, to what is sent back, one after the other.
pub type Manner = fn(&[u8], bool) -> Vec<Vec<u8>>;

/// See the module. Its threads end with the test's process.
pub struct Recursor {
    asked: Arc<AtomicUsize>,
}

impl Recursor {
    /// One at an address of the namespace's loopback.
    pub fn start(net: &NetNs, address: &str, manner: Manner) -> Self {
        let address: SocketAddr = (address.parse::<std::net::IpAddr>().unwrap(), 53).into();
        let (udp, tcp) = net.inside(|| {
            (
                UdpSocket::bind(address).unwrap(),
                TcpListener::bind(address).unwrap(),
            )
        });
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((count, from)) = udp.recv_from(&mut buffer) {
                counter.fetch_add(1, Ordering::Relaxed);
                for answer in manner(&buffer[..count], false) {
                    udp.send_to(&answer, from).unwrap();
                }
            }
        });
        let counter = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in tcp.incoming().flatten() {
                let mut length = [0; 2];
                stream.read_exact(&mut length).unwrap();
                let mut query = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut query).unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
                for answer in manner(&query, true) {
                    let length = u16::try_from(answer.len()).unwrap();
                    stream.write_all(&length.to_be_bytes()).unwrap();
                    stream.write_all(&answer).unwrap();
                }
            }
        });
        Self { asked }
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// An answer with one address.
pub fn address(query: &[u8], last: u8, ttl: u32) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[2] |= 0x80;
    bytes[3] = 0x80;
    bytes[7] = 1;
    bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
    bytes.extend_from_slice(&ttl.to_be_bytes());
    bytes.extend_from_slice(&[0, 4, 192, 0, 2, last]);
    bytes
}

/// An answer with a result alone.
pub fn code(query: &[u8], code: u8) -> Vec<u8> {
    let mut bytes = query.to_vec();
    bytes[2] |= 0x80;
    bytes[3] = 0x80 | code;
    bytes
}
