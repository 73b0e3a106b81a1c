//! Numbers with units.
//!
//! Monit's own units of memory are a little odd (a megabyte is 1 048 580 bytes there); they are kept,
//! since limits in job files were tried out with them.

use std::time::Duration;

use super::ParseError;
use super::cursor::Cursor;

/// Splits `12.5MB` into the number and what stands after it.
pub(super) fn split(word: &str) -> Option<(f64, &str)> {
    let end = word
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-' && c != '+')
        .unwrap_or(word.len());
    let number: f64 = word[..end].parse().ok()?;
    number.is_finite().then_some((number, &word[end..]))
}

/// A number with the unit that stands in the same word or the next one, if that is one of `units`.
pub(super) fn number_with(
    cursor: &mut Cursor,
    units: &[&str],
) -> Result<(f64, Option<String>), ParseError> {
    let word = cursor.text("a number")?.to_ascii_lowercase();
    let Some((number, unit)) = split(&word) else {
        return Err(cursor.unexpected_last("a number"));
    };
    if unit.is_empty() {
        return Ok((number, cursor.take_any(units).map(str::to_owned)));
    }
    if units.contains(&unit) {
        return Ok((number, Some(unit.to_owned())));
    }
    Err(cursor.error(format!("{word:?}: unknown unit {unit:?}")))
}

/// A whole number, without a unit.
pub(super) fn whole(cursor: &mut Cursor, what: &str) -> Result<u32, ParseError> {
    let word = cursor.text(what)?;
    word.parse().map_err(|_| cursor.unexpected_last(what))
}

/// A port.
pub(super) fn port(cursor: &mut Cursor) -> Result<u16, ParseError> {
    let word = cursor.text("a port")?;
    match word.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(cursor.unexpected_last("a port")),
    }
}

const TIMES: [&str; 14] = [
    "s",
    "sec",
    "second",
    "seconds",
    "millisecond",
    "milliseconds",
    "m",
    "minute",
    "minutes",
    "h",
    "hour",
    "hours",
    "day",
    "days",
];

/// A time; a bare number is seconds. At most a year.
pub(super) fn time(cursor: &mut Cursor) -> Result<Duration, ParseError> {
    let (number, unit) = number_with(cursor, &TIMES)?;
    let seconds = number
        * match unit.as_deref().unwrap_or("s") {
            "millisecond" | "milliseconds" => 0.001,
            "m" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            "day" | "days" => 86400.0,
            _ => 1.0,
        };
    if (0.0..=31_536_000.0).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(cursor.error("a time below 0 or above a year"))
}

pub(super) const SIZES: [&str; 16] = [
    "%",
    "percent",
    "b",
    "byte",
    "bytes",
    "k",
    "kb",
    "kilobyte",
    "kilobytes",
    "m",
    "mb",
    "megabyte",
    "megabytes",
    "g",
    "gb",
    "gigabyte",
];

/// A size in bytes, or percent.
pub(super) fn size(cursor: &mut Cursor) -> Result<(f64, bool), ParseError> {
    let (number, unit) = number_with(cursor, &SIZES)?;
    let factor = match unit.as_deref().unwrap_or("b") {
        "%" | "percent" => return Ok((number, true)),
        "k" | "kb" | "kilobyte" | "kilobytes" => 1024.0,
        "m" | "mb" | "megabyte" | "megabytes" => 1_048_580.0,
        "g" | "gb" | "gigabyte" => 1_073_740_000.0,
        _ => 1.0,
    };
    Ok((number * factor, false))
}

/// A number of cycles: `N cycles`, or `N [times] [within] M cycles`.
pub(super) fn window(cursor: &mut Cursor) -> Result<super::model::Window, ParseError> {
    let first = whole(cursor, "a number of cycles")?;
    let (count, cycles) = if cursor.take_any(&["cycle", "cycles"]).is_some() {
        (first, first)
    } else {
        let cycles = whole(cursor, "a number of cycles")?;
        cursor.expect(&["cycle", "cycles"])?;
        (first, cycles)
    };
    if count == 0 || cycles > 64 || count > cycles {
        return Err(cursor.error(format!(
            "{count} times within {cycles} cycles: 1 to 64 can be"
        )));
    }
    Ok(super::model::Window { count, cycles })
}
