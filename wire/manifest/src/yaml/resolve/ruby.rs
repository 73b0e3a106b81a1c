//! Plain scalars by the rules of Psych's scanner, with safe loading.

use super::super::{Value, YamlError};
use super::number::{digits, integer, sign};

pub(super) fn resolve(text: &str) -> Result<Value, YamlError> {
    let text_value = || Ok(Value::from(text));
    if text.is_empty() {
        return Ok(Value::Null);
    }
    if looks_like_words(text) {
        return Ok(word(text).unwrap_or_else(|| Value::from(text)));
    }
    if is_time(text) {
        return Err(YamlError::DisallowedClass("Time".to_owned()));
    }
    if is_date(text) {
        return Err(YamlError::DisallowedClass("Date".to_owned()));
    }
    match text.to_ascii_lowercase().as_str() {
        ".inf" | "+.inf" => return Ok(Value::Float(f64::INFINITY)),
        "-.inf" => return Ok(Value::Float(f64::NEG_INFINITY)),
        ".nan" => return Ok(Value::Float(f64::NAN)),
        _ => {}
    }
    if let Some(value) = base60(text) {
        return value;
    }
    if is_float(text) {
        let (_, rest) = sign(text);
        if rest == "." {
            return text_value();
        }
        let plain = text.replace([',', '_'], "");
        return match plain.parse() {
            Ok(value) => Ok(Value::Float(value)),
            Err(_) => text_value(),
        };
    }
    whole_number(text).unwrap_or_else(text_value)
}

/// Psych's quick test for what can be no number: an optional first character that starts none, then
/// one from the set of letters and signs; or any line break.
fn looks_like_words(text: &str) -> bool {
    if text.contains('\n') {
        return true;
    }
    let in_set = |c: char| {
        c.is_alphabetic()
            || c.is_ascii_whitespace()
            || c == '\u{b}'
            || "_!@#$%^&*(){}<>|/\\~;=".contains(c)
    };
    let mut chars = text.chars();
    match chars.next() {
        None => false,
        Some(first) if in_set(first) => true,
        Some(first) => {
            !(first.is_ascii_digit() || ".:-".contains(first)) && chars.next().is_some_and(in_set)
        }
    }
}

fn word(text: &str) -> Option<Value> {
    if text.len() > 5 {
        return None;
    }
    Some(match text.to_ascii_lowercase().as_str() {
        "~" | "null" => Value::Null,
        "yes" | "true" | "on" => Value::Bool(true),
        "no" | "false" | "off" => Value::Bool(false),
        _ => return None,
    })
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let number = |part: &str, shortest: usize, longest: usize| {
        let fits = (shortest..=longest).contains(&part.len()) && digits(part) == part.len();
        fits.then(|| part.parse::<u32>().unwrap_or(0))
    };
    let (Some(year), Some(month), Some(day)) =
        (number(year, 4, 4), number(month, 1, 2), number(day, 1, 2))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=longest).contains(&day)
}

/// A date, a `T` or blanks, and a time of day with optional fraction and zone.
fn is_time(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some(at) = text.find(['T', 't', ' ', '\t']) else {
        return false;
    };
    let mut date = text[..at].split('-');
    let date_fits = [(4, 4), (1, 2), (1, 2)].iter().all(|(shortest, longest)| {
        date.next().is_some_and(|part| {
            (*shortest..=*longest).contains(&part.len()) && digits(part) == part.len()
        })
    }) && date.next().is_none();
    let mut rest = text[at..].trim_start_matches([' ', '\t']);
    rest = rest.strip_prefix(['T', 't']).unwrap_or(rest);
    let hours = digits(rest);
    if !date_fits || !(1..=2).contains(&hours) {
        return false;
    }
    rest = &rest[hours..];
    for _ in 0..2 {
        match rest.strip_prefix(':') {
            Some(part) if digits(part) >= 2 => rest = &part[2..],
            _ => return false,
        }
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = &fraction[digits(fraction)..];
    }
    rest = rest.trim_start_matches([' ', '\t']);
    if rest.is_empty() || rest == "Z" {
        return true;
    }
    let (_, zone) = sign(rest);
    zone.len() != rest.len()
        && zone.len() <= 5
        && !zone.is_empty()
        && zone
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// `1:30` is ninety minutes in seconds; with a fraction it is a float.
fn base60(text: &str) -> Option<Result<Value, YamlError>> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let (negative, rest) = sign(whole);
    let parts: Vec<&str> = rest.split(':').collect();
    let (first, others) = parts.split_first()?;
    let first_fits = first.starts_with(|c: char| c.is_ascii_digit())
        && first
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_');
    let others_fit = (1..=2).contains(&others.len())
        && others.iter().all(|part| match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
            _ => false,
        });
    let fraction_fits = fraction.is_none_or(|fraction| {
        fraction
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    if !first_fits || !others_fit || !fraction_fits {
        return None;
    }
    let scales = [3600i128, 60, 1];
    if let Some(fraction) = fraction {
        let last = parts.len() - 1;
        let mut total = 0.0;
        for (at, part) in parts.iter().enumerate() {
            let mut part = part.replace('_', "");
            if at == last {
                part = format!("{part}.{}", fraction.replace('_', ""));
            }
            let part: f64 = part.trim_end_matches('.').parse().ok()?;
            let signed = if negative && at == 0 { -part } else { part };
            total += signed * scales[at] as f64;
        }
        return Some(Ok(Value::Float(total)));
    }
    let mut total = 0i128;
    for (at, part) in parts.iter().enumerate() {
        let Ok(part) = part.replace('_', "").parse::<i128>() else {
            return Some(Err(YamlError::IntegerTooLarge(text.to_owned())));
        };
        let signed = if negative && at == 0 { -part } else { part };
        match signed
            .checked_mul(scales[at])
            .and_then(|part| total.checked_add(part))
        {
            Some(sum) => total = sum,
            None => return Some(Err(YamlError::IntegerTooLarge(text.to_owned()))),
        }
    }
    Some(Ok(Value::Int(total)))
}

/// `[-+]?([0-9][0-9_,]*)?\.[0-9]*([eE][+-][0-9]+)?`
fn is_float(text: &str) -> bool {
    let (_, rest) = sign(text);
    let Some((whole, rest)) = rest.split_once('.') else {
        return false;
    };
    let whole_fits = whole.is_empty()
        || (whole.starts_with(|c: char| c.is_ascii_digit())
            && whole
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_' || byte == b','));
    let rest = &rest[digits(rest)..];
    let exponent_fits = match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let (_, number) = sign(exponent);
            number.len() != exponent.len() && !number.is_empty() && digits(number) == number.len()
        }
    };
    whole_fits && exponent_fits
}

fn whole_number(text: &str) -> Option<Result<Value, YamlError>> {
    let (negative, rest) = sign(text);
    let clean = |digits: &str| digits.replace('_', "");
    if let Some(zeroed) = rest.strip_prefix('0') {
        let after = zeroed.trim_start_matches('_');
        if let Some(binary) = after.strip_prefix('b') {
            return integer(negative, &clean(binary), 2);
        }
        if let Some(hex) = after.strip_prefix('x') {
            return integer(negative, &clean(hex), 16);
        }
        return match clean(zeroed).as_str() {
            "" if zeroed.is_empty() => Some(Ok(Value::Int(0))),
            "" => Some(Ok(Value::Int(0))),
            octal => integer(negative, octal, 8),
        };
    }
    // Separators may only stand between two digits.
    let bytes = rest.as_bytes();
    let separated = bytes.iter().enumerate().all(|(at, byte)| match byte {
        b',' | b'_' => bytes.get(at + 1).is_some_and(u8::is_ascii_digit),
        byte => byte.is_ascii_digit(),
    });
    if !bytes.first().is_some_and(u8::is_ascii_digit) || !separated {
        return None;
    }
    integer(negative, &rest.replace([',', '_'], ""), 10)
}
