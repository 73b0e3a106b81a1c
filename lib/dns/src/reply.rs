//! Answers of our own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Code, INTERNET, Query, flag, kind, number};

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A name, as [`crate::encode_name`] makes it.
    Ptr(Vec<u8>),
}

impl From<IpAddr> for Data {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::A(v4),
            IpAddr::V6(v6) => Self::Aaaa(v6),
        }
    }
}

/// An answer to a query.
#[derive(Debug)]
pub struct Reply<'a> {
    /// What was asked.
    pub query: &'a Query<'a>,
    /// The result.
    pub code: Code,
    /// Whether we know, or tell what others say.
    pub authoritative: bool,
    /// Records, all of the name that was asked for.
    pub answers: Vec<Data>,
}

/// OPT: root name, type, our size, no extended code, version 0, no flags, no data.
const OPT: [u8; 11] = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0];
/// The question's name.
const POINTER: [u8; 2] = [0xc0, 12];

impl Reply<'_> {
    /// The message, with what of its answers fits into so many bytes; if that is not all, it says so.
    /// Answers live for no time: the next query may have another one. An asker of a newer EDNS is
    /// told that there is only version 0.
    #[must_use]
    pub fn encode(&self, limit: usize) -> Vec<u8> {
        let query = self.query;
        let mut flags = flag::ANSWER | flag::RECURSION_AVAILABLE | self.code as u16;
        flags |= query.flags & (flag::RECURSION | flag::NOT_CHECKED);
        if self.authoritative {
            flags |= flag::AUTHORITATIVE;
        }
        let mut bytes = header(query.id, flags);
        bytes.extend_from_slice(query.question);
        let room = limit.saturating_sub(if query.edns.is_some() { OPT.len() } else { 0 });
        let mut count = 0_u16;
        for data in &self.answers {
            let before = bytes.len();
            record(&mut bytes, data);
            if bytes.len() > room || count == u16::MAX {
                bytes.truncate(before);
                flags |= flag::TRUNCATED;
                break;
            }
            count += 1;
        }
        bytes[2..4].copy_from_slice(&flags.to_be_bytes());
        bytes[5] = 1;
        bytes[6..8].copy_from_slice(&count.to_be_bytes());
        if let Some(edns) = query.edns {
            bytes[11] = 1;
            let at = bytes.len();
            bytes.extend_from_slice(&OPT);
            // BADVERS, 16: its high bits stand here.
            bytes[at + 5] = u8::from(edns.version != 0);
        }
        bytes
    }
}

fn header(id: u16, flags: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&flags.to_be_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes
}

fn record(bytes: &mut Vec<u8>, data: &Data) {
    let (four, sixteen);
    let (kind, data): (u16, &[u8]) = match data {
        Data::A(address) => {
            four = address.octets();
            (kind::A, &four)
        }
        Data::Aaaa(address) => {
            sixteen = address.octets();
            (kind::AAAA, &sixteen)
        }
        Data::Ptr(name) => (kind::PTR, name),
    };
    // Names are 255 bytes at most.
    let Ok(length) = u16::try_from(data.len()) else {
        return;
    };
    bytes.extend_from_slice(&POINTER);
    for word in [kind, INTERNET, 0, 0, length] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(data);
}

/// The answer to bytes that are no query but have a header: a result alone.
#[must_use]
pub fn refusal(bytes: &[u8], code: Code) -> Option<Vec<u8>> {
    let (id, flags) = (number(bytes, 0)?, number(bytes, 2)?);
    let kept = flags & (flag::OPCODE | flag::RECURSION);
    Some(header(id, flag::ANSWER | kept | code as u16))
}
