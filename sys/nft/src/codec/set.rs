//! Sets to attributes and back.

use std::time::Duration;

use warren_sys_netlink::{AttributeBuilder, Attributes, ParseError};

use super::{be32, be64, comment, string};
use crate::wire::{LIST_ELEM, set as wire};
use crate::{DataType, Family, ListedSet, Set, userdata};

/// Milliseconds on the wire; a timeout of less than one becomes one, as 0 would mean none.
pub(super) fn milliseconds(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_millis())
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Writes the set; `id` names it within the transaction.
pub(crate) fn encode_set(set: &Set, id: u32, a: &mut AttributeBuilder) {
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    let flags = flag(set.is_constant, wire::F_CONSTANT)
        | flag(set.is_interval, wire::F_INTERVAL)
        | flag(set.data_type.is_some(), wire::F_MAP)
        | flag(set.has_timeouts, wire::F_TIMEOUT)
        | flag(set.is_dynamic, wire::F_EVAL)
        | flag(set.is_ranged_concat(), wire::F_CONCAT);
    a.put_str(wire::TABLE, &set.table)
        .put_str(wire::NAME, &set.name);
    a.put_be32(wire::FLAGS, flags);
    a.put_be32(wire::KEY_TYPE, set.key_type.number());
    a.put_be32(wire::KEY_LEN, set.key_type.length());
    if let Some(data_type) = &set.data_type {
        a.put_be32(wire::DATA_TYPE, data_type.number());
        if *data_type != DataType::Verdict {
            a.put_be32(wire::DATA_LEN, data_type.length());
        }
    }
    a.put_be32(wire::ID, id);
    if set.size.is_some() || set.is_ranged_concat() {
        a.put_nested(wire::DESC, |desc| encode_description(set, desc));
    }
    if let Some(timeout) = set.default_timeout {
        a.put_be64(wire::TIMEOUT, milliseconds(timeout));
    }
    a.put_bytes(wire::USERDATA, &userdata(set));
}

fn encode_description(set: &Set, desc: &mut AttributeBuilder) {
    if let Some(size) = set.size {
        desc.put_be32(wire::DESC_SIZE, size);
    }
    if let (true, DataType::Concat(parts)) = (set.is_interval, &set.key_type) {
        desc.put_nested(wire::DESC_CONCAT, |list| {
            for part in parts {
                list.put_nested(LIST_ELEM, |field| {
                    field.put_be32(wire::FIELD_LEN, part.length());
                });
            }
        });
    }
}

/// What the nft command needs to print the elements, and the comment.
fn userdata(set: &Set) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |kind, order: u32| userdata::put(&mut bytes, kind, &order.to_ne_bytes());
    put(userdata::set::KEY_BYTE_ORDER, set.key_type.byte_order());
    if let Some(data_type) = &set.data_type {
        put(userdata::set::DATA_BYTE_ORDER, data_type.byte_order());
    }
    if let Some(comment) = &set.comment {
        userdata::put_str(&mut bytes, userdata::set::COMMENT, comment);
    }
    bytes
}

pub(crate) fn decode_set(family: Family, a: &Attributes<'_>) -> Result<ListedSet, ParseError> {
    let flags = be32(a, wire::FLAGS)?.unwrap_or(0);
    let has = |flag| flags & flag != 0;
    let key_length = be32(a, wire::KEY_LEN)?.unwrap_or(0);
    let data_type = if has(wire::F_MAP) {
        let length = be32(a, wire::DATA_LEN)?.unwrap_or(0);
        Some(DataType::from_number(
            be32(a, wire::DATA_TYPE)?.unwrap_or(0),
            length,
        ))
    } else if has(wire::F_OBJECT) {
        // A map to stateful objects (counters, quotas); its data has no type number.
        Some(DataType::Other {
            number: 0,
            length: 0,
        })
    } else {
        None
    };
    let size = match a.find(wire::DESC)? {
        Some(desc) => be32(&desc.nested(), wire::DESC_SIZE)?,
        None => None,
    };
    Ok(ListedSet {
        set: Set {
            family,
            table: string(a, wire::TABLE)?,
            name: string(a, wire::NAME)?,
            key_type: DataType::from_number(be32(a, wire::KEY_TYPE)?.unwrap_or(0), key_length),
            data_type,
            is_interval: has(wire::F_INTERVAL),
            is_constant: has(wire::F_CONSTANT),
            is_dynamic: has(wire::F_EVAL),
            has_timeouts: has(wire::F_TIMEOUT),
            default_timeout: be64(a, wire::TIMEOUT)?.map(Duration::from_millis),
            size,
            is_anonymous: has(wire::F_ANONYMOUS),
            comment: comment(a, wire::USERDATA, userdata::set::COMMENT)?,
        },
        handle: be64(a, wire::HANDLE)?.unwrap_or(0),
    })
}
