//! Set elements to attributes and back.
//!
//! A range takes one of two shapes. In a set of plain keys it is two elements, its first
//! key and, marked as an end, the key after its last; a range up to the greatest
//! key has no end. In a set of concatenations it is one element with a second key,
//! inclusive.

use std::time::Duration;

use warren_sys_netlink::{AttributeBuilder, Attributes, ParseError, TooLong};

use super::set::milliseconds;
use super::{be32, be64, comment};
use crate::expr::{decode_data, put_data};
use crate::wire::{LIST_ELEM, elem as wire};
use crate::{Data, Element, Key, Set, userdata};

/// Bytes of elements after which another message is begun; a list of attributes
/// cannot be longer than 65531.
const LIST_BYTES: usize = 48 << 10;

/// Writes elements as lists, each to be the payload of one `LIST_ELEMENTS` attribute.
pub(crate) fn encode_elements(set: &Set, elements: &[Element]) -> Result<Vec<Vec<u8>>, TooLong> {
    let mut lists = Vec::new();
    let mut list = AttributeBuilder::new();
    for element in elements {
        encode_element(set, element, &mut list);
        if list.len() >= LIST_BYTES {
            lists.push(std::mem::take(&mut list).finish()?);
        }
    }
    if !list.is_empty() {
        lists.push(list.finish()?);
    }
    Ok(lists)
}

fn encode_element(set: &Set, element: &Element, list: &mut AttributeBuilder) {
    let is_split_range = set.is_interval && !set.is_ranged_concat() && !element.is_catchall;
    list.put_nested(LIST_ELEM, |a| {
        if element.is_catchall {
            a.put_be32(wire::FLAGS, wire::F_CATCHALL);
        } else {
            put_key(a, wire::KEY, &element.key);
        }
        if set.is_ranged_concat() && !element.is_catchall {
            put_key(
                a,
                wire::KEY_END,
                element.last.as_ref().unwrap_or(&element.key),
            );
        }
        if let Some(data) = &element.data {
            put_data(a, wire::DATA, data);
        }
        if let Some(timeout) = element.timeout {
            a.put_be64(wire::TIMEOUT, milliseconds(timeout));
        }
        if element.comment.is_some() {
            a.put_bytes(
                wire::USERDATA,
                &userdata::with_comment(element.comment.as_deref()),
            );
        }
    });
    if is_split_range {
        let last = element.last.as_ref().unwrap_or(&element.key);
        if let Some(end) = after(last) {
            list.put_nested(LIST_ELEM, |a| {
                put_key(a, wire::KEY, &end);
                a.put_be32(wire::FLAGS, wire::F_INTERVAL_END);
            });
        }
    }
}

fn put_key(a: &mut AttributeBuilder, kind: u16, key: &Key) {
    put_data(a, kind, &Data::Value(key.0.clone()));
}

/// The next key, or `None` after the greatest.
fn after(key: &Key) -> Option<Key> {
    let mut bytes = key.0.clone();
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return Some(Key(bytes));
        }
    }
    None
}

/// The key before, or `None` before the least.
fn before(key: &Key) -> Option<Key> {
    let mut bytes = key.0.clone();
    for byte in bytes.iter_mut().rev() {
        let was_zero = *byte == 0;
        *byte = byte.wrapping_sub(1);
        if !was_zero {
            return Some(Key(bytes));
        }
    }
    None
}

/// Reads the payloads of `LIST_ELEMENTS` attributes; ranges come back as one element
/// each, in the order of their keys.
pub(crate) fn decode_elements<'a>(
    set: &Set,
    lists: impl IntoIterator<Item = Attributes<'a>>,
) -> Result<Vec<Element>, ParseError> {
    let mut elements = Vec::new();
    for list in lists {
        for attribute in list {
            elements.push(decode_element(&attribute?.nested())?);
        }
    }
    if set.is_interval && !set.is_ranged_concat() {
        return Ok(join_ranges(elements));
    }
    Ok(elements.into_iter().map(|(element, _)| element).collect())
}

/// The element, and whether it marks the end of a range.
fn decode_element(a: &Attributes<'_>) -> Result<(Element, bool), ParseError> {
    let flags = be32(a, wire::FLAGS)?.unwrap_or(0);
    let key = |kind| -> Result<Option<Key>, ParseError> {
        let Some(key) = a.find(kind)? else {
            return Ok(None);
        };
        match decode_data(key.nested())? {
            Data::Value(value) => Ok(Some(Key(value))),
            Data::Verdict(_) => Err(ParseError::Missing { attribute: kind }),
        }
    };
    let first = key(wire::KEY)?.unwrap_or(Key(Vec::new()));
    let last = key(wire::KEY_END)?.filter(|last| *last != first);
    let data = match a.find(wire::DATA)? {
        Some(data) => Some(decode_data(data.nested())?),
        None => None,
    };
    let element = Element {
        key: first,
        last,
        data,
        timeout: be64(a, wire::TIMEOUT)?.map(Duration::from_millis),
        expires: be64(a, wire::EXPIRATION)?.map(Duration::from_millis),
        comment: comment(a, wire::USERDATA, userdata::COMMENT)?,
        is_catchall: flags & wire::F_CATCHALL != 0,
    };
    Ok((element, flags & wire::F_INTERVAL_END != 0))
}

/// Joins first keys and ends to ranges. An end without a first key is dropped: the
/// nft command puts one before the first range.
fn join_ranges(mut marks: Vec<(Element, bool)>) -> Vec<Element> {
    // At the same key, the end of one range comes before the start of the next.
    marks.sort_by(|(a, a_ends), (b, b_ends)| a.key.cmp(&b.key).then(b_ends.cmp(a_ends)));
    let mut elements: Vec<Element> = Vec::new();
    let mut is_open = false;
    for (mark, ends) in marks {
        match (ends, is_open, elements.last_mut()) {
            (true, true, Some(range)) => {
                range.last = before(&mark.key).filter(|last| *last != range.key);
                is_open = false;
            }
            (true, _, _) => {}
            (false, was_open, range) => {
                if let (true, Some(range)) = (was_open, range) {
                    close_open_end(range);
                }
                is_open = !mark.is_catchall;
                elements.push(mark);
            }
        }
    }
    if let (true, Some(range)) = (is_open, elements.last_mut()) {
        close_open_end(range);
    }
    elements
}

/// A range without an end goes up to the greatest key.
fn close_open_end(range: &mut Element) {
    let greatest = Key(vec![0xff; range.key.0.len()]);
    if range.key != greatest {
        range.last = Some(greatest);
    }
}
