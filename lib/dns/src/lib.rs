//! DNS messages, as far as a forwarding name server reads and writes them.
//!
//! ```text
//! message   id 16 | flags 16 | counts of four sections 16 each | question | answer | authority | additional
//! flags     QR 1 | opcode 4 | AA TC RD RA 1 each | Z AD CD 1 each | rcode 4
//! question  name | type 16 | class 16
//! record    name | type 16 | class 16 | TTL 32 | length 16 | data
//! name      (length 8 (at most 63) | label)* | 0, or a pointer 11 + offset 14 in place of the rest
//! ```
//!
//! * [`Query`]: what is asked, with the bytes of the question as they came.
//! * [`Reply`]: an answer of our own: addresses and names, cut where it does not fit.
//! * [`Response`]: what somebody else has answered: whether it belongs to a query, and where its
//!   times to live are. Its data are passed on as they are, so a type that nobody here knows goes
//!   through.
//!
//! All of it is total: any bytes give a value or an error; nothing follows a pointer, so nothing can
//! go in circles; what is allocated is bounded by the length of the message.
//!
//! Source: RFC 1035 section 4, RFC 2308 (negative answers), RFC 6891 (EDNS).

mod name;
mod query;
mod record;
mod reply;
mod response;
#[cfg(test)]
mod tests;

pub use name::encode as encode_name;
pub use query::{Edns, Query, Refused};
pub use reply::{Data, Reply, refusal};
pub use response::{Malformed, Response};

/// Bytes before the question.
pub const HEADER: usize = 12;

/// Most that fits over UDP without EDNS.
pub const UDP: usize = 512;

/// Most that a message over TCP can have.
pub const TCP: usize = 65535;

/// Kinds of records.
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// Begin of authority.
    pub const SOA: u16 = 6;
    /// A name, for an address.
    pub const PTR: u16 = 12;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
    /// EDNS.
    pub const OPT: u16 = 41;
    /// All there are.
    pub const ANY: u16 = 255;
}

/// The class of the Internet.
pub const INTERNET: u16 = 1;

/// Results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// An answer, perhaps an empty one.
    Good = 0,
    /// The query is not understood.
    Format = 1,
    /// It cannot be answered now.
    Failure = 2,
    /// There is no such name.
    NoName = 3,
    /// Nobody here does that.
    NotImplemented = 4,
    /// Nobody here wants to do that.
    Refused = 5,
}

/// A 16-bit number of a message.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(pair.try_into().ok()?))
}

/// Flags of the header.
pub(crate) mod flag {
    pub(crate) const ANSWER: u16 = 0x8000;
    pub(crate) const OPCODE: u16 = 0x7800;
    pub(crate) const AUTHORITATIVE: u16 = 0x0400;
    pub(crate) const TRUNCATED: u16 = 0x0200;
    pub(crate) const RECURSION: u16 = 0x0100;
    pub(crate) const RECURSION_AVAILABLE: u16 = 0x0080;
    pub(crate) const NOT_CHECKED: u16 = 0x0010;
    pub(crate) const CODE: u16 = 0x000f;
}
