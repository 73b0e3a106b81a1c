//! Who may do what: basic authentication and client addresses.

use std::net::IpAddr;
use std::path::Path;

use crate::monitrc::model::Allow;

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    None,
    /// Look.
    Read,
    /// Everything.
    Full,
}

/// Finds out what a client may do. Addresses, if any are listed, must match, and so must a name and
/// password, if any are. With nothing listed, nobody may do anything.
#[must_use]
pub fn access(allow: &[Allow], client: IpAddr, authorization: Option<&str>) -> Access {
    let client = client.to_canonical();
    let mut networks = allow.iter().filter_map(|each| match each {
        Allow::Network(address, bits) => Some(contains(*address, *bits, client)),
        _ => None,
    });
    let listed = networks.next();
    if listed == Some(false) && !networks.any(|hit| hit) {
        return Access::None;
    }
    let wants_password = allow.iter().any(|each| !matches!(each, Allow::Network(..)));
    if !wants_password {
        return if listed.is_some() {
            Access::Full
        } else {
            Access::None
        };
    }
    let Some((name, password)) = authorization.and_then(credentials) else {
        return Access::None;
    };
    let mut best = Access::None;
    for each in allow {
        let found = match each {
            Allow::User(user, word, read_only) => {
                let matches = same(user, &name) & same(word, &password);
                match (matches, read_only) {
                    (false, _) => Access::None,
                    (true, true) => Access::Read,
                    (true, false) => Access::Full,
                }
            }
            Allow::Cleartext(path, names) => {
                let counts = names.is_empty() || names.contains(&name);
                if counts && file_has(path, &name, &password) {
                    Access::Full
                } else {
                    Access::None
                }
            }
            Allow::Network(..) => Access::None,
        };
        if best == Access::None || found == Access::Full {
            best = found;
        }
    }
    best
}

/// The file is read each time: the agent may write it after we began.
fn file_has(path: &Path, name: &str, password: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| {
        let line = line.trim();
        let (user, word) = line.split_once(':').unwrap_or((line, ""));
        !line.starts_with('#') && !user.is_empty() && (same(user, name) & same(word, password))
    })
}

/// The first name and password of a file, for our own command line.
#[must_use]
pub fn first_of(path: &Path) -> Option<(String, String)> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.starts_with('#') && line.contains(':'))?;
    let (user, word) = line.split_once(':')?;
    Some((user.to_owned(), word.to_owned()))
}

/// Takes as long for all texts of one length.
fn same(one: &str, other: &str) -> bool {
    let differ = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    differ == 0 && one.len() == other.len()
}

fn contains(network: IpAddr, bits: u8, address: IpAddr) -> bool {
    let (network, address, all) = match (network.to_canonical(), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => (
            u128::from(network.to_bits()),
            u128::from(address.to_bits()),
            32,
        ),
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let shift = all - u32::from(bits).min(all);
    let cut = |number: u128| number.checked_shr(shift).unwrap_or(0);
    cut(network) == cut(address)
}

/// Name and password of a header's value.
fn credentials(value: &str) -> Option<(String, String)> {
    let (scheme, text) = value.split_once(' ')?;
    let bytes = scheme
        .eq_ignore_ascii_case("basic")
        .then(|| decode(text.trim()))??;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64, with padding (RFC 4648, section 4).
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let number = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

/// Reads Base64; padding may be missing.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut number = 0_u32;
        for byte in chunk {
            let digit = DIGITS.iter().position(|digit| digit == byte)?;
            number = number << 6 | digit as u32;
        }
        number <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(&number.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}
