//! Times as the command line shows them, and as directors write them. UTC throughout.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY: i64 = 86_400;

/// The last second that is shown: the end of the year 9999.
const LAST: i64 = 253_402_300_799;

/// Year, month (1-12) and day of a day since 1970. Source: Hinnant, "chrono-compatible low-level
/// date algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day since 1970 of a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `Sun Nov 22 01:44:16 UTC 2026`, of seconds since 1970. What is beyond any calendar is cut.
pub fn unix_date(seconds: i64) -> String {
    let seconds = seconds.clamp(0, LAST);
    let (day, rest) = (seconds / DAY, seconds % DAY);
    let (year, month, of_month) = civil(day);
    let named = |names: &[&'static str], at: i64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at).copied())
            .unwrap_or_default()
    };
    let (weekday, month) = (named(&DAYS, day % 7), named(&MONTHS, month - 1));
    format!("{weekday} {month} {of_month:2} {} UTC {year}", of_day(rest))
}

/// `01:44:16`, of seconds since 1970.
pub fn hours(seconds: i64) -> String {
    of_day(seconds.rem_euclid(DAY))
}

/// `20261122-014837`, of seconds since 1970; for names of files.
pub fn stamp(seconds: i64) -> String {
    let seconds = seconds.clamp(0, LAST);
    let (year, month, day) = civil(seconds / DAY);
    let time = hours(seconds).replace(':', "");
    format!("{year:04}{month:02}{day:02}-{time}")
}

fn of_day(seconds: i64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// `00:04:07`, of a length in seconds; one that is negative is none.
pub fn duration(seconds: i64) -> String {
    of_day(seconds.max(0))
}

/// `0d 2h 39m 1s`, of a length in seconds.
pub fn uptime(seconds: u64) -> String {
    format!(
        "{}d {}h {}m {}s",
        seconds / 86_400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Seconds since 1970 of `2026-11-22 01:44:16 UTC`, `... +0000` or RFC 3339, with or without a
/// fraction and an offset.
pub fn parse(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let is_at = |at: usize, what: &[u8]| {
        text.as_bytes()
            .get(at)
            .is_some_and(|byte| what.contains(byte))
    };
    let has_shape = is_at(4, b"-") && is_at(7, b"-") && is_at(10, b" T") && is_at(13, b":");
    if !has_shape || !is_at(16, b":") {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 0;
    let is_time =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    if !is_date || !is_time {
        return None;
    }
    let rest = text.get(19..)?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let zone = rest.trim();
    let offset = match zone {
        "Z" | "UTC" => 0,
        zone => {
            let sign = match zone.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let digits: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
            let hours: i64 = digits.get(..2)?.parse().ok()?;
            let minutes: i64 = digits.get(2..4)?.parse().ok()?;
            (digits.len() == 4).then_some(sign * (hours * 3600 + minutes * 60))?
        }
    };
    Some(days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset)
}

/// A time as directors write it, as the command line shows it; what is none is shown as it is.
pub fn shown(text: &str) -> String {
    parse(text).map_or_else(|| text.to_owned(), unix_date)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_shown_as_recorded() {
        assert_eq!(unix_date(1_795_311_391), "Sun Nov 22 01:36:31 UTC 2026");
        assert_eq!(hours(1_795_311_391), "01:36:31");
        assert_eq!(
            shown("2026-11-22T01:46:10Z"),
            "Sun Nov 22 01:46:10 UTC 2026"
        );
        assert_eq!(
            shown("2026-11-22 01:43:01 UTC"),
            "Sun Nov 22 01:43:01 UTC 2026"
        );
        assert_eq!(
            parse("2026-11-22 01:43:01 +0000"),
            parse("2026-11-22T02:43:01.5+01:00")
        );
        assert_eq!(uptime(9541), "0d 2h 39m 1s");
        assert_eq!(shown("yesterday"), "yesterday");
    }

    proptest! {
        #[test]
        fn any_text_and_any_number_gives_something(text in "\\PC{0,40}", number: i64) {
            let _ = parse(&text);
            let _ = (unix_date(number), hours(number), duration(number));
        }

        #[test]
        fn what_is_written_is_read(seconds in 0..LAST) {
            let (year, month, day) = civil(seconds / DAY);
            let text = format!("{year:04}-{month:02}-{day:02} {} UTC", hours(seconds));
            prop_assert_eq!(parse(&text), Some(seconds));
        }
    }
}
