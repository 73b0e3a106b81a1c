//! What the fuzz targets call: decoders that otherwise see bytes from the kernel alone.
//! Not part of the interface.

use warren_sys_netlink::{AttributeBuilder, Attributes, Message, ParseError};

use crate::{Change, DataType, Element, Family, ListedRule, Set};

/// A message of type `NFT_MSG_*` as a listing or a monitor reads it.
///
/// # Errors
/// Malformed attributes.
pub fn change(kind: u8, message: &Message) -> Result<Change, ParseError> {
    crate::monitor::change(kind, message)
}

/// A message as the reader of a log group reads it.
///
/// # Errors
/// Malformed attributes.
pub fn logged(message: &Message) -> Result<Option<crate::Logged>, ParseError> {
    crate::log::decode(message)
}

/// A rule from its attributes.
///
/// # Errors
/// Malformed attributes.
pub fn decode_rule(attributes: &[u8]) -> Result<ListedRule, ParseError> {
    crate::codec::decode_rule(Family::Inet, &Attributes::new(attributes))
}

/// The attributes of a rule's expressions and comment; `None` if they are too long.
#[must_use]
pub fn encode_rule(listed: &ListedRule) -> Option<Vec<u8>> {
    let mut builder = AttributeBuilder::new();
    crate::codec::encode_rule(&listed.rule, &mut builder);
    builder.finish().ok()
}

/// The elements of a set from the list of them, with their text.
///
/// # Errors
/// Malformed attributes.
pub fn decode_elements(set: &Set, list: &[u8]) -> Result<Vec<(Element, String)>, ParseError> {
    let elements = crate::codec::decode_elements(set, [Attributes::new(list)])?;
    let texts = elements
        .iter()
        .map(|element| crate::text::element(set, element));
    let texts: Vec<String> = texts.collect();
    Ok(elements.into_iter().zip(texts).collect())
}

/// A set's type as the kernel tells it.
#[must_use]
pub fn data_type(number: u32, length: u32) -> DataType {
    DataType::from_number(number, length)
}
