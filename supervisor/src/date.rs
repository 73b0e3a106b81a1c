//! Dates as the log and mail want them, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    year: i64,
    month: u32,
    day: u32,
    weekday: usize,
    seconds: u64,
}

/// Seconds since 1970 and microseconds.
pub(crate) fn since_epoch(time: SystemTime) -> (u64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.subsec_micros())
}

fn parts(seconds: u64) -> Parts {
    let days = (seconds / 86400) as i64;
    // Years begin in March, so that a leap day is the last of a year; eras have 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    Parts {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month: month as u32,
        day: day as u32,
        weekday: ((days + 4).rem_euclid(7)) as usize,
        seconds: seconds % 86400,
    }
}

/// `2026-11-22T10:03:00+0000`
pub(crate) fn iso(seconds: u64) -> String {
    let p = parts(seconds);
    let (date, time) = (
        format!("{:04}-{:02}-{:02}", p.year, p.month, p.day),
        clock(p),
    );
    format!("{date}T{time}+0000")
}

/// `Sun, 22 Nov 2026 10:03:00 +0000` (RFC 1123); `GMT` in place of the zone for HTTP.
pub(crate) fn mail(seconds: u64, zone: &str) -> String {
    let p = parts(seconds);
    let weekday = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][p.weekday];
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months[(p.month as usize - 1) % 12];
    format!(
        "{weekday}, {:02} {month} {} {} {zone}",
        p.day,
        p.year,
        clock(p)
    )
}

fn clock(p: Parts) -> String {
    let s = p.seconds;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// `1d 2h 3m`, as monit tells how long something has run.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}m"),
        (0, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(iso(0), "1970-01-01T00:00:00+0000");
        assert_eq!(iso(1_795_341_780), "2026-11-22T10:03:00+0000");
        assert_eq!(iso(951_782_400), "2000-02-29T00:00:00+0000");
        assert_eq!(mail(1_795_341_780, "GMT"), "Sun, 22 Nov 2026 10:03:00 GMT");
        assert_eq!(span(93_784), "1d 2h 3m");
        assert_eq!(span(59), "0m");
    }
}
