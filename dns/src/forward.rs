//! Asking others.
//!
//! Each question has a socket, a number and a port of its own, all by chance, and only what comes
//! from the server that was asked, with this number and this question, is an answer. Over UDP if it
//! came so: an answer that says that it is cut goes back as it is, and whoever asked comes again over
//! TCP, as then we do.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use warren_lib_dns::{Query, Response, TCP};

use crate::answer::{Carrier, random};
use crate::recursors::Recursors;
use crate::stream::{left, read};

/// How long one server has, as with bosh-dns.
const EACH: Duration = Duration::from_secs(2);
/// How long all have together: the C library waits for five seconds.
const ALL: Duration = Duration::from_secs(4);

/// An answer as it came, but for its number.
#[derive(Debug)]
pub struct Answer {
    /// The message, with the query's number.
    pub bytes: Vec<u8>,
    /// What is known of it.
    pub response: Response,
}

/// Asks one after the other until one answers; the answer of one that failed is better than none.
#[must_use]
pub fn ask(
    message: &[u8],
    query: &Query<'_>,
    recursors: &Recursors,
    carrier: Carrier,
) -> Option<Answer> {
    let end = Instant::now() + ALL;
    let mut last = None;
    for (number, server) in recursors.in_order() {
        let limit = end.saturating_duration_since(Instant::now()).min(EACH);
        if limit.is_zero() {
            break;
        }
        let answer = match carrier {
            Carrier::Udp => udp(message, query, server, limit),
            Carrier::Tcp => tcp(message, query, server, limit),
        };
        match answer {
            Ok(answer) if !answer.response.is_failure() => return Some(answer),
            Ok(answer) => last = Some(answer),
            Err(_) => {}
        }
        recursors.failed(number);
    }
    last
}

/// The message with a number of ours.
fn renumbered(message: &[u8]) -> (Vec<u8>, u16) {
    let id = (random() >> 16) as u16;
    let mut own = message.to_vec();
    if let Some(place) = own.get_mut(0..2) {
        place.copy_from_slice(&id.to_be_bytes());
    }
    (own, id)
}

/// The answer, if these bytes are the one that was waited for.
fn checked(bytes: &[u8], query: &Query<'_>, id: u16) -> Option<Answer> {
    let response = Response::parse(bytes).ok()?;
    if !response.answers(bytes, query, id) {
        return None;
    }
    let mut bytes = bytes.to_vec();
    response.adapt(&mut bytes, query, 0);
    Some(Answer { bytes, response })
}

fn udp(
    message: &[u8],
    query: &Query<'_>,
    server: SocketAddr,
    limit: Duration,
) -> io::Result<Answer> {
    let end = Instant::now() + limit;
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    let (own, id) = renumbered(message);
    socket.send(&own)?;
    let mut buffer = vec![0; TCP];
    loop {
        socket.set_read_timeout(Some(left(end)?))?;
        let count = socket.recv(&mut buffer)?;
        if let Some(answer) = checked(&buffer[..count], query, id) {
            return Ok(answer);
        }
    }
}

fn tcp(
    message: &[u8],
    query: &Query<'_>,
    server: SocketAddr,
    limit: Duration,
) -> io::Result<Answer> {
    let end = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&server, limit)?;
    let (own, id) = renumbered(message);
    let length = u16::try_from(own.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.set_write_timeout(Some(left(end)?))?;
    stream.write_all(&[&length.to_be_bytes(), &own[..]].concat())?;
    let mut length = [0; 2];
    read(&mut stream, &mut length, end)?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    read(&mut stream, &mut bytes, end)?;
    checked(&bytes, query, id).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
