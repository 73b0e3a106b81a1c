//! Times as clients write and read them.

/// `2026-11-22 00:00:03 UTC`.
#[must_use]
pub fn text(unix: i64) -> String {
    let (year, month, day, [hour, minute, second]) = parts(unix);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `2026-11-22T00:00:03Z`.
#[must_use]
pub fn rfc3339(unix: i64) -> String {
    let (year, month, day, [hour, minute, second]) = parts(unix);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

const DAY: i64 = 86_400;

fn parts(unix: i64) -> (i64, i64, i64, [i64; 3]) {
    let unix = unix.clamp(-62_135_596_800, 253_402_300_799);
    let (days, rest) = (unix.div_euclid(DAY), unix.rem_euclid(DAY));
    // Years begin in March here, so that the leap day is the last of its year.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day, [rest / 3600, rest / 60 % 60, rest % 60])
}

fn unix(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * DAY
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Unix time of a text: a number, RFC 3339, `2026-11-22 01:42:36 UTC`, a date alone, or what the
/// client prints (`Sun Nov 22 01:42:36 UTC 2026`). Times without a zone are UTC.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(number);
    }
    let spaced = match text.as_bytes().get(10) {
        Some(b'T' | b't') => format!("{} {}", &text[..10], &text[11..]),
        _ => text.to_owned(),
    };
    let (mut date, mut clock, mut offset) = (None, 0, 0);
    let (mut year, mut month, mut day) = (None, None, None);
    for word in spaced.split_whitespace() {
        let low = word.to_ascii_lowercase();
        if let Some(of_word) = calendar_date(word) {
            date = Some(of_word);
        } else if word.contains(':') && !word.starts_with(['+', '-']) {
            let (time, zone) = clock_time(word)?;
            clock = time;
            offset = zone;
        } else if let Some(place) = MONTHS.iter().position(|name| low.starts_with(name)) {
            month = i64::try_from(place).ok().map(|place| place + 1);
        } else if low == "utc" || low == "gmt" || low == "z" {
            offset = 0;
        } else if word.starts_with(['+', '-']) {
            offset = zone(word)?;
        } else if let Ok(number) = word.parse::<i64>() {
            match word.len() {
                1 | 2 if day.is_none() => day = Some(number),
                4 if year.is_none() => year = Some(number),
                _ => return None,
            }
        } else if !["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
            .iter()
            .any(|name| low.starts_with(name))
        {
            return None;
        }
    }
    let (year, month, day) = date.or_else(|| Some((year?, month?, day?)))?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(unix(year, month, day) + clock - offset)
}

fn calendar_date(word: &str) -> Option<(i64, i64, i64)> {
    let mut parts = word.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_date = parts.next().is_none() && year.len() == 4;
    is_date.then_some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

/// Seconds of the day and offset of the zone, of `01:42:36.5+01:00` or less.
fn clock_time(word: &str) -> Option<(i64, i64)> {
    let end = word.find(['+', '-', 'Z', 'z']).unwrap_or(word.len());
    let (time, rest) = word.split_at(end);
    let mut fields = time.split('.').next()?.split(':');
    let mut field = |most: i64| -> Option<i64> {
        let number = fields.next().unwrap_or("0").parse::<i64>().ok()?;
        (0..=most).contains(&number).then_some(number)
    };
    let seconds = field(23)? * 3600 + field(59)? * 60 + field(60)?;
    let offset = match rest {
        "" | "Z" | "z" => 0,
        other => zone(other)?,
    };
    Some((seconds, offset))
}

/// Seconds of `+01:00` or `-0130`.
fn zone(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 4 || text.len() > 6 {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_usual_texts_are_times() {
        for good in [
            "1795311756",
            "2026-11-22T01:42:36Z",
            "2026-11-22t02:42:36.25+01:00",
            "2026-11-22 01:42:36 UTC",
            "2026-11-22 01:42:36 +0000",
            "2026-11-22 01:42:36",
            "Sun Nov 22 01:42:36 UTC 2026",
            "22 November 2026 01:42:36",
        ] {
            assert_eq!(parse(good), Some(1_795_311_756), "{good}");
        }
        assert_eq!(parse("2026-11-22"), Some(1_795_305_600));
        for bad in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-01-99",
            "25:00",
            "12:61",
            "\u{661}",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(text(1_795_311_756), "2026-11-22 01:42:36 UTC");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(text(i64::MAX), "9999-12-31 23:59:59 UTC");
        assert_eq!(text(i64::MIN), "0001-01-01 00:00:00 UTC");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(time in -62_135_596_800_i64..253_402_300_799) {
            prop_assert_eq!(parse(&rfc3339(time)), Some(time));
            prop_assert_eq!(parse(&text(time)), Some(time));
        }

        #[test]
        fn any_text_has_an_answer(text in "[0-9TZ:+. a-z-]{0,70}") {
            let _ = parse(&text);
        }
    }
}
