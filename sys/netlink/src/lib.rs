//! Netlink transport and attribute codec shared by the crates that talk to the kernel.
//!
//! A netlink datagram carries one or more messages; a message is a 16-byte
//! header, a protocol-specific family header, and a run of attributes:
//!
//! ```text
//! message    len u32 | type u16 | flags u16 | seq u32 | port u32 | family header | attribute ...
//! attribute  len u16 | type u16 | payload | padding to 4 bytes
//! ```
//!
//! `len` counts its own header and not the padding. All header fields are in
//! host byte order; the payload's order is the protocol's business
//! (nfnetlink: mostly big-endian; rtnetlink and sock_diag: host order).
//!
//! * [`Socket`] sends and receives datagrams and matches replies to requests.
//! * [`MessageBuilder`] and [`AttributeBuilder`] write messages.
//! * [`Attributes`] reads attributes; it is total, so any bytes give either
//!   attributes or a [`ParseError`].
//!
//! Source: Linux `include/uapi/linux/netlink.h`,
//! `Documentation/userspace-api/netlink/intro.rst`.

mod attribute;
mod builder;
mod error;
mod message;
mod socket;
mod sockopt;

pub use attribute::{Attribute, Attributes};
pub use builder::{AttributeBuilder, MessageBuilder, TooLong};
pub use error::{Error, KernelError, ParseError};
pub use message::{Message, split};
pub use socket::{Protocol, Socket};

/// Message flags (`NLM_F_*`).
pub mod flags {
    /// Marks a request to the kernel.
    pub const REQUEST: u16 = 0x01;
    /// Part of a multi-message answer that ends with a done message.
    pub const MULTI: u16 = 0x02;
    /// Ask for an acknowledgement.
    pub const ACK: u16 = 0x04;
    /// Ask that the resulting notification is sent to the requester as well.
    pub const ECHO: u16 = 0x08;
    /// The dumped objects changed while the dump was under way.
    pub const DUMP_INTR: u16 = 0x10;
    /// Ask for all matching objects (`NLM_F_ROOT | NLM_F_MATCH`).
    pub const DUMP: u16 = 0x300;
    /// Replace an existing object.
    pub const REPLACE: u16 = 0x100;
    /// Fail if the object exists.
    pub const EXCL: u16 = 0x200;
    /// Create the object if it does not exist.
    pub const CREATE: u16 = 0x400;
    /// Add at the end of the list.
    pub const APPEND: u16 = 0x800;
    /// On a delete request: do not delete recursively.
    pub const NONREC: u16 = 0x100;
    /// On an acknowledgement: the request's payload is not echoed back.
    pub const CAPPED: u16 = 0x100;
    /// On an acknowledgement: extended-ack attributes follow.
    pub const ACK_TLVS: u16 = 0x200;
}

/// Control message types below [`kind::MIN_TYPE`], common to all protocols.
pub mod kind {
    /// Nothing; to be ignored.
    pub const NOOP: u16 = 1;
    /// Acknowledgement: error number zero means success.
    pub const ERROR: u16 = 2;
    /// End of a dump.
    pub const DONE: u16 = 3;
    /// Data was lost.
    pub const OVERRUN: u16 = 4;
    /// First type a protocol may use for its own messages.
    pub const MIN_TYPE: u16 = 0x10;
}

/// Bytes in a message header.
pub const HEADER_LEN: usize = 16;

/// Rounds up to the 4-byte boundary that messages and attributes start on.
pub(crate) const fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}

#[cfg(test)]
mod tests;
