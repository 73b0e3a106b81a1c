//! Values of flags: which kinds there are, and how each is written.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::number::Nanoseconds;

/// What a flag's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A switch: `true` or `false` in Go's spellings; nothing means true.
    Switch,
    /// An unsigned number of at most that many bits.
    Unsigned(u32),
    /// A signed number of 64 bits.
    Signed,
    /// A number with a fraction.
    Fraction,
    /// Go's durations, as `1h30m` or `500ms`.
    Duration,
    /// An IP address.
    Ip,
    /// A network, as `10.254.0.0/22`.
    Cidr,
    /// The path of an existing file.
    File,
}

/// A flag's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of [`Kind::Text`], [`Kind::OneOf`] and [`Kind::File`].
    Text(String),
    /// Of [`Kind::Switch`].
    Switch(bool),
    /// Of [`Kind::Unsigned`].
    Unsigned(u64),
    /// Of [`Kind::Signed`].
    Signed(i64),
    /// Of [`Kind::Fraction`].
    Fraction(f64),
    /// Of [`Kind::Duration`].
    Duration(Nanoseconds),
    /// Of [`Kind::Ip`].
    Ip(IpAddr),
    /// Of [`Kind::Cidr`].
    Cidr(Cidr),
}

/// A network: its first address and the bits that all addresses share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// First address; bits beyond the prefix are 0.
    pub network: IpAddr,
    /// Length of the prefix, at most 32 or 128.
    pub prefix: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// A text that is no value of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {wanted}")]
pub struct ValueError {
    /// The text.
    pub text: String,
    /// What it should be.
    pub wanted: String,
}

impl Kind {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// [`ValueError`] when the text is no value of this kind.
    pub fn parse(self, text: &str) -> Result<Value, ValueError> {
        let (value, wanted) = match self {
            Self::Text | Self::File => return Ok(Value::Text(text.to_owned())),
            Self::OneOf(choices) => {
                if choices.contains(&text) {
                    return Ok(Value::Text(text.to_owned()));
                }
                (None, format!("one of {}", choices.join(", ")))
            }
            Self::Switch => (switch(text).map(Value::Switch), "true or false".to_owned()),
            Self::Unsigned(bits) => (
                digits(text)
                    .and_then(|digits| digits.parse::<u64>().ok())
                    .filter(|number| bits >= 64 || number >> bits == 0)
                    .map(Value::Unsigned),
                format!("a number of at most {bits} bits"),
            ),
            Self::Signed => (
                text.parse().ok().map(Value::Signed),
                "a whole number".to_owned(),
            ),
            Self::Fraction => (
                text.parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())
                    .map(Value::Fraction),
                "a number".to_owned(),
            ),
            Self::Duration => (
                duration(text).map(Value::Duration),
                "a duration such as 1h30m, 5s or 500ms".to_owned(),
            ),
            Self::Ip => (text.parse().ok().map(Value::Ip), "an IP address".to_owned()),
            Self::Cidr => (
                cidr(text).map(Value::Cidr),
                "a network such as 10.254.0.0/22".to_owned(),
            ),
        };
        value.ok_or_else(|| ValueError {
            text: text.to_owned(),
            wanted,
        })
    }
}

/// Go takes no plus sign before an unsigned number.
fn digits(text: &str) -> Option<&str> {
    text.starts_with(|first: char| first.is_ascii_digit())
        .then_some(text)
}

fn switch(text: &str) -> Option<bool> {
    match text {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn cidr(text: &str) -> Option<Cidr> {
    let (address, prefix) = text.split_once('/')?;
    let prefix: u8 = digits(prefix)?.parse().ok()?;
    let network = match address.parse().ok()? {
        IpAddr::V4(address) => {
            let beyond = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            (prefix <= 32).then(|| IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !beyond)))
        }
        IpAddr::V6(address) => {
            let beyond = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
            (prefix <= 128).then(|| IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !beyond)))
        }
    }?;
    Some(Cidr { network, prefix })
}

/// A duration as Go's `time.ParseDuration` reads it: a sign, then numbers with
/// a unit each; a lone 0 needs no unit.
fn duration(text: &str) -> Option<Nanoseconds> {
    let (negative, mut left) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if left == "0" {
        return Some(Nanoseconds(0));
    }
    if left.is_empty() {
        return None;
    }
    let mut total: u128 = 0;
    while !left.is_empty() {
        let end = left.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = left.split_at(end);
        let unit_end = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        left = rest;
        let scale: u64 = match unit {
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, scale)?)?;
    }
    let total = i128::try_from(total).ok()?;
    let signed = if negative { -total } else { total };
    i64::try_from(signed).ok().map(Nanoseconds)
}

/// `number`, with or without a fraction, times `scale`, rounded down.
fn scaled(number: &str, scale: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut total = u128::from(whole) * u128::from(scale);
    // No unit has a nanosecond below the 18th place.
    let mut part = u128::from(scale) * 10u128.pow(18);
    let mut parts = 0u128;
    for digit in fraction.chars().take(18) {
        part /= 10;
        parts += part * u128::from(digit.to_digit(10)?);
    }
    total += parts / 10u128.pow(18);
    Some(total)
}
