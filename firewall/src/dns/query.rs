//! One question to one name server: UDP first, TCP where the answer was cut short (RFC 1035).

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};

/// Which addresses to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// IPv4.
    A,
    /// IPv6.
    Aaaa,
}

/// What a server that knows had to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Possibly none: the name exists without an address of this kind.
    Addresses(Vec<IpAddr>),
    /// NXDOMAIN.
    NoSuchName,
}

/// The server did not answer, or not usefully.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("the name cannot be asked for: {0}")]
    Question(#[source] simple_dns::SimpleDnsError),
    #[error("{step}: {source}")]
    Io {
        step: &'static str,
        source: std::io::Error,
    },
    #[error("no answer in time")]
    TimedOut,
    #[error("the server answered {0:?}")]
    Refused(RCODE),
    #[error("the answer over TCP is not a reply to the question")]
    Mismatch,
}

/// Asks `server` once and waits until `until`.
pub(super) fn ask(
    name: &str,
    kind: Kind,
    server: SocketAddr,
    until: Instant,
) -> Result<Answer, Error> {
    let mut id = [0u8; 2];
    getrandom(&mut id, GetRandomFlags::empty()).map_err(|errno| Error::Io {
        step: "getrandom",
        source: errno.into(),
    })?;
    let id = u16::from_ne_bytes(id);
    let question = encode(name, kind, id).map_err(Error::Question)?;
    match over_udp(&question, id, name, kind, server, until)? {
        Some(answer) => Ok(answer),
        None => over_tcp(&question, id, name, kind, server, until),
    }
}

fn encode(name: &str, kind: Kind, id: u16) -> Result<Vec<u8>, simple_dns::SimpleDnsError> {
    let wanted = match kind {
        Kind::A => TYPE::A,
        Kind::Aaaa => TYPE::AAAA,
    };
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(
        Name::new(name)?,
        wanted.into(),
        CLASS::IN.into(),
        false,
    ));
    packet.build_bytes_vec()
}

/// `None`: the answer was truncated.
fn over_udp(
    question: &[u8],
    id: u16,
    name: &str,
    kind: Kind,
    server: SocketAddr,
    until: Instant,
) -> Result<Option<Answer>, Error> {
    let io = |step| move |source| Error::Io { step, source };
    let local: SocketAddr = if server.is_ipv6() {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(local).map_err(io("bind"))?;
    // A connected socket takes packets of this server alone.
    socket.connect(server).map_err(io("connect"))?;
    socket.send(question).map_err(io("send"))?;
    let mut buffer = [0u8; 4096];
    loop {
        socket
            .set_read_timeout(Some(left(until)?))
            .map_err(io("set time-out"))?;
        match socket.recv(&mut buffer) {
            Ok(size) => {
                let Some(reply) = buffer
                    .get(..size)
                    .and_then(|bytes| matching(bytes, id, name))
                else {
                    continue; // A stray or forged packet does not end the wait.
                };
                if reply.has_flags(PacketFlag::TRUNCATION) {
                    return Ok(None);
                }
                return read_answer(&reply, kind).map(Some);
            }
            Err(error) if is_timeout(&error) => return Err(Error::TimedOut),
            Err(source) => {
                return Err(Error::Io {
                    step: "receive",
                    source,
                });
            }
        }
    }
}

fn over_tcp(
    question: &[u8],
    id: u16,
    name: &str,
    kind: Kind,
    server: SocketAddr,
    until: Instant,
) -> Result<Answer, Error> {
    let io = |step| {
        move |source: std::io::Error| {
            if is_timeout(&source) {
                Error::TimedOut
            } else {
                Error::Io { step, source }
            }
        }
    };
    let mut stream =
        TcpStream::connect_timeout(&server, left(until)?).map_err(io("connect over TCP"))?;
    let mut framed = (question.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(question);
    stream
        .set_write_timeout(Some(left(until)?))
        .map_err(io("set time-out"))?;
    stream.write_all(&framed).map_err(io("send over TCP"))?;
    stream
        .set_read_timeout(Some(left(until)?))
        .map_err(io("set time-out"))?;
    let mut length = [0u8; 2];
    stream
        .read_exact(&mut length)
        .map_err(io("receive over TCP"))?;
    let mut bytes = vec![0u8; u16::from_be_bytes(length).into()];
    stream
        .read_exact(&mut bytes)
        .map_err(io("receive over TCP"))?;
    let reply = matching(&bytes, id, name).ok_or(Error::Mismatch)?;
    read_answer(&reply, kind)
}

/// The packet, if it is a reply to this very question.
pub(super) fn matching<'a>(bytes: &'a [u8], id: u16, name: &str) -> Option<Packet<'a>> {
    let packet = Packet::parse(bytes).ok()?;
    let same_name = packet
        .questions
        .first()
        .is_some_and(|question| question.qname.to_string().eq_ignore_ascii_case(name));
    (packet.id() == id && packet.has_flags(PacketFlag::RESPONSE) && same_name).then_some(packet)
}

/// A recursive server puts the whole alias chain into the answer, so every address counts.
fn read_answer(reply: &Packet<'_>, kind: Kind) -> Result<Answer, Error> {
    match reply.rcode() {
        RCODE::NoError => Ok(Answer::Addresses(
            reply
                .answers
                .iter()
                .filter_map(|record| match (kind, &record.rdata) {
                    (Kind::A, RData::A(a)) => Some(IpAddr::V4(a.address.into())),
                    (Kind::Aaaa, RData::AAAA(a)) => Some(IpAddr::V6(a.address.into())),
                    _ => None,
                })
                .collect(),
        )),
        RCODE::NameError => Ok(Answer::NoSuchName),
        other => Err(Error::Refused(other)),
    }
}

fn left(until: Instant) -> Result<Duration, Error> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(Error::TimedOut)
    } else {
        Ok(left)
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}
