//! Plain scalars by the rules of `yaml.v2` when it decodes into no particular type.
//!
//! A time is recognised, but handed over as its text; it only matters when a text is printed.

use super::super::Value;
use super::number::{digits, sign};

pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let text_value = || Value::from(text);
    match text.as_bytes()[0] {
        b'.' => match decimal(text) {
            true => text.parse().map_or_else(|_| text_value(), Value::Float),
            false => text_value(),
        },
        b'+' | b'-' | b'0'..=b'9' => {
            if is_timestamp(text) {
                return text_value();
            }
            let plain = text.replace('_', "");
            if let Some(value) = integer(&plain) {
                return Value::Int(value);
            }
            if decimal(&plain) {
                return plain.parse().map_or_else(|_| text_value(), Value::Float);
            }
            text_value()
        }
        _ => text_value(),
    }
}

/// An integer of 64 bits, signed or not, in the notations of Go.
fn integer(plain: &str) -> Option<i128> {
    let (negative, rest) = sign(plain);
    let lower = rest.to_ascii_lowercase();
    let (base, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let value = i128::from_str_radix(digits, base).ok()?;
    let value = if negative { -value } else { value };
    // An unsigned number takes no sign at all.
    let largest = if plain.len() == rest.len() {
        i128::from(u64::MAX)
    } else {
        i128::from(i64::MAX)
    };
    (i128::from(i64::MIN) <= value && value <= largest).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn decimal(text: &str) -> bool {
    let (_, rest) = sign(text);
    let whole = digits(rest);
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if whole == 0 && length == 0 {
            return false;
        }
        rest = &fraction[length..];
    } else if whole == 0 {
        return false;
    }
    exponent(rest)
}

fn exponent(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix(['e', 'E']) else {
        return rest.is_empty();
    };
    let (_, rest) = sign(rest);
    !rest.is_empty() && digits(rest) == rest.len()
}

/// `2006-1-2`, and with a time behind `T`, `t` or blanks. Days are checked as far as the calendar goes.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if digits(text) != 4 || bytes.get(4) != Some(&b'-') {
        return false;
    }
    let year: u32 = text[..4].parse().unwrap_or(0);
    let Some((month, rest)) = short(&text[5..]) else {
        return false;
    };
    let Some((day, rest)) = rest.strip_prefix('-').and_then(short) else {
        return false;
    };
    if !(1..=12).contains(&month) || day == 0 || day > days_of(year, month) {
        return false;
    }
    if rest.is_empty() {
        return true;
    }
    let (zoned, clock) = if let Some(clock) = rest.strip_prefix(['T', 't']) {
        (true, clock)
    } else if let Some(clock) = rest.strip_prefix(' ') {
        (false, clock)
    } else {
        return false;
    };
    let clock_parts = short(clock).and_then(|(hour, rest)| {
        let (minute, rest) = short(rest.strip_prefix(':')?)?;
        let (second, rest) = short(rest.strip_prefix(':')?)?;
        (hour < 24 && minute < 60 && second < 60).then_some(rest)
    });
    let Some(mut rest) = clock_parts else {
        return false;
    };
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if !zoned {
        return rest.is_empty();
    }
    if rest == "Z" {
        return true;
    }
    let (_, offset) = sign(rest);
    offset.len() != rest.len()
        && offset.len() == 5
        && offset.as_bytes()[2] == b':'
        && digits(&offset[..2]) == 2
        && offset.get(3..).is_some_and(|minutes| digits(minutes) == 2)
}

fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// One or two digits and what follows.
fn short(text: &str) -> Option<(u32, &str)> {
    let length = digits(text).min(2);
    let value = text[..length].parse().ok()?;
    Some((value, &text[length..]))
}

/// `1:30` and the like, which other readers take for a number: such a text is quoted.
pub(super) fn is_base60(text: &str) -> bool {
    let (_, rest) = sign(text);
    if !rest.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let mut parts = whole.split(':');
    let first_fits = parts.next().is_some_and(|first| {
        first
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let mut count = 0;
    let rest_fits = parts.all(|part| {
        count += 1;
        match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
            _ => false,
        }
    });
    first_fits
        && rest_fits
        && count > 0
        && fraction
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
}
