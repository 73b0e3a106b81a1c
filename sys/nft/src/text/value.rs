//! Values in nft's language.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::{CtState, DataType};

/// Names of the transport protocols that nft has names for on every machine.
const PROTOCOLS: &[(u8, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (132, "sctp"),
    (136, "udplite"),
];

const STATES: &[(CtState, &str)] = &[
    (CtState::Invalid, "invalid"),
    (CtState::Established, "established"),
    (CtState::Related, "related"),
    (CtState::New, "new"),
    (CtState::Untracked, "untracked"),
];

/// nft's type numbers that have no type here; see `Field::data_type`.
pub(super) const NFPROTO: DataType = DataType::Other {
    number: 2,
    length: 1,
};
pub(super) const TCP_FLAGS: DataType = DataType::Other {
    number: 15,
    length: 1,
};
pub(super) const CT_STATE: DataType = DataType::Other {
    number: 26,
    length: 4,
};

/// A value of type `data_type`; bytes that do not fit the type show as a number.
pub(super) fn value(data_type: &DataType, bytes: &[u8]) -> String {
    let known = match data_type {
        DataType::Ipv4Addr => bytes
            .first_chunk::<4>()
            .map(|b| Ipv4Addr::from(*b).to_string()),
        DataType::Ipv6Addr => bytes
            .first_chunk::<16>()
            .map(|b| Ipv6Addr::from(*b).to_string()),
        DataType::EtherAddr => Some(ether(bytes)),
        DataType::InetProto => bytes.first().map(|number| protocol(*number)),
        DataType::InetService => bytes
            .first_chunk::<2>()
            .map(|b| u16::from_be_bytes(*b).to_string()),
        DataType::Mark => host_u32(bytes).map(|mark| format!("{mark:#010x}")),
        DataType::Uid | DataType::Gid => host_u32(bytes).map(|id| id.to_string()),
        DataType::IfName => Some(interface(bytes)),
        DataType::CgroupV2 => bytes
            .first_chunk::<8>()
            .map(|b| u64::from_ne_bytes(*b).to_string()),
        DataType::Concat(parts) => Some(concat(parts, bytes)),
        DataType::Verdict => None,
        other if *other == NFPROTO => match bytes {
            [2] => Some("ipv4".to_owned()),
            [10] => Some("ipv6".to_owned()),
            _ => None,
        },
        other if *other == TCP_FLAGS => bytes.first().and_then(|flags| tcp_flags(*flags)),
        other if *other == CT_STATE => host_u32(bytes).and_then(states),
        DataType::Other { .. } => None,
    };
    known.unwrap_or_else(|| hex(bytes))
}

/// Names of TCP flags; none if there are none, or unknown ones.
fn tcp_flags(flags: u8) -> Option<String> {
    const NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr"];
    let set = NAMES
        .iter()
        .enumerate()
        .filter(|(bit, _)| flags & (1 << bit) != 0);
    let names: Vec<&str> = set.map(|(_, name)| *name).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// The parts of a concatenation, each padded to 4 bytes.
pub(super) fn parts<'a>(
    types: &'a [DataType],
    mut bytes: &'a [u8],
) -> impl Iterator<Item = (&'a DataType, &'a [u8])> {
    types.iter().map(move |part| {
        let length = usize::try_from(part.length()).unwrap_or(usize::MAX);
        let padded = usize::try_from(part.padded_length()).unwrap_or(usize::MAX);
        let value = bytes.get(..length).unwrap_or(bytes);
        bytes = bytes.get(padded..).unwrap_or_default();
        (part, value)
    })
}

fn concat(types: &[DataType], bytes: &[u8]) -> String {
    parts(types, bytes)
        .map(|(part, bytes)| value(part, bytes))
        .collect::<Vec<_>>()
        .join(" . ")
}

/// `value/bits` if the range is a prefix, else `first-last`.
pub(super) fn range(data_type: &DataType, first: &[u8], last: &[u8]) -> String {
    if let DataType::Concat(types) = data_type {
        let ranges = parts(types, first)
            .zip(parts(types, last))
            .map(|((part, low), (_, high))| {
                if low == high {
                    value(part, low)
                } else {
                    range(part, low, high)
                }
            });
        return ranges.collect::<Vec<_>>().join(" . ");
    }
    let is_address = matches!(data_type, DataType::Ipv4Addr | DataType::Ipv6Addr);
    match prefix_of_range(first, last) {
        Some(bits) if is_address => format!("{}/{bits}", value(data_type, first)),
        _ => format!("{}-{}", value(data_type, first), value(data_type, last)),
    }
}

/// Bits of the prefix that is exactly this range.
fn prefix_of_range(first: &[u8], last: &[u8]) -> Option<usize> {
    let mask: Vec<u8> = first
        .iter()
        .zip(last)
        .map(|(low, high)| !(low ^ high))
        .collect();
    let is_whole = first
        .iter()
        .zip(last)
        .zip(&mask)
        .all(|((low, high), mask)| low & !mask == 0 && high & !mask == !mask);
    if first.len() == last.len() && is_whole {
        prefix_bits(&mask)
    } else {
        None
    }
}

/// Bits of a mask that is a run of ones, then zeros.
pub(super) fn prefix_bits(mask: &[u8]) -> Option<usize> {
    let bits: usize = mask.iter().take_while(|byte| **byte == 0xff).count() * 8;
    let rest = &mask[bits / 8..];
    let Some((partial, zeros)) = rest.split_first() else {
        return Some(bits);
    };
    let ones = usize::try_from(partial.leading_ones()).unwrap_or(0);
    let is_run = partial.count_ones() == partial.leading_ones() && zeros.iter().all(|b| *b == 0);
    is_run.then_some(bits + ones)
}

pub(super) fn host_u32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Names of state bits; `None` if there are unknown ones or none.
pub(super) fn states(bits: u32) -> Option<String> {
    let known = STATES.iter().fold(0, |known, (state, _)| known | state.0);
    if bits == 0 || bits & !known != 0 {
        return None;
    }
    let names = STATES
        .iter()
        .filter(|(state, _)| bits & state.0 != 0)
        .map(|(_, name)| *name);
    Some(names.collect::<Vec<_>>().join(","))
}

pub(super) fn protocol(number: u8) -> String {
    let named = PROTOCOLS.iter().find(|(known, _)| *known == number);
    named.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// An interface name: all bytes with padding, or the start of one without.
fn interface(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let name = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
    let rest = if end.is_none() { "*" } else { "" };
    format!("\"{name}{rest}\"")
}

fn ether(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// Bytes as one number.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

/// A duration as nft writes it: `1d2h3m4s5ms` without the parts that are zero.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count != 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}
