//! Objects to messages and back.

mod chain;
mod element;
mod rule;
mod set;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use chain::{decode_chain, encode_chain};
pub(crate) use element::{decode_elements, encode_elements};
pub(crate) use rule::{decode_rule, encode_rule};
pub(crate) use set::{decode_set, encode_set};
pub(crate) use table::{decode_table, encode_table};

use warren_sys_netlink::{Attributes, Message, MessageBuilder, ParseError};

use crate::Family;
use crate::wire::SUBSYSTEM;

/// Bytes of the `nfgenmsg` header.
pub(crate) const FAMILY_HEADER: usize = 4;

/// A message of type `NFT_MSG_*` about `family`; `None` asks for all families.
pub(crate) fn message(kind: u8, flags: u16, family: Option<Family>) -> MessageBuilder {
    MessageBuilder::new(SUBSYSTEM << 8 | u16::from(kind), flags).family_header(&[
        family.map_or(0, Family::number),
        0,
        0,
        0,
    ])
}

/// `NFT_MSG_*` type of a message; `None` if it is not of nftables.
pub(crate) fn message_kind(message: &Message) -> Option<u8> {
    let [subsystem, kind] = message.kind.to_be_bytes();
    (u16::from(subsystem) == SUBSYSTEM).then_some(kind)
}

/// Family and attributes of a message; `None` for a family this crate does not know.
pub(crate) fn open(message: &Message) -> Result<Option<(Family, Attributes<'_>)>, ParseError> {
    let (header, attributes) =
        message
            .payload
            .split_at_checked(FAMILY_HEADER)
            .ok_or(ParseError::Truncated {
                needed: FAMILY_HEADER,
                available: message.payload.len(),
            })?;
    let family = header.first().copied().and_then(Family::from_number);
    Ok(family.map(|family| (family, Attributes::new(attributes))))
}

/// Attributes of a message whatever its family.
pub(crate) fn attributes(message: &Message) -> Attributes<'_> {
    Attributes::new(message.payload.get(FAMILY_HEADER..).unwrap_or_default())
}

/// A string attribute; names are bytes to the kernel, ours are text.
fn string(a: &Attributes<'_>, kind: u16) -> Result<String, ParseError> {
    Ok(a.require(kind)?.str_lossy())
}

/// A 32-bit attribute that may be absent.
fn be32(a: &Attributes<'_>, kind: u16) -> Result<Option<u32>, ParseError> {
    a.find(kind)?.map(|attribute| attribute.be32()).transpose()
}

/// A 64-bit attribute that may be absent.
fn be64(a: &Attributes<'_>, kind: u16) -> Result<Option<u64>, ParseError> {
    a.find(kind)?.map(|attribute| attribute.be64()).transpose()
}

/// The comment in user data that may be absent.
fn comment(a: &Attributes<'_>, kind: u16, userdata_kind: u8) -> Result<Option<String>, ParseError> {
    Ok(a.find(kind)?
        .and_then(|userdata| crate::userdata::find_str(userdata.payload, userdata_kind)))
}
