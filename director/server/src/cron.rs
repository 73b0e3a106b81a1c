//! When something is due: the times of cron, in UTC.
//!
//! ```text
//! [second] minute hour day-of-month month day-of-week [UTC]
//! *   5   1-5   */10   10-20/5   1,15,20-25      Sunday is 0 and 7
//! ```
//!
//! Five fields are cron's; six begin with seconds, as stock writes its schedules. Where both days are
//! narrowed, either is enough, as everywhere.

use std::str::FromStr;

use time::{Date, Duration, Month, OffsetDateTime, Time};

/// A text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The wrong number of fields.
    #[error(
        "'{0}' is no schedule: write 'minute hour day month weekday', or six fields with seconds"
    )]
    Fields(String),
    /// A field that names no times.
    #[error("'{field}' is no {name} between {low} and {high}")]
    Field {
        /// The text.
        field: String,
        /// What it should be.
        name: &'static str,
        /// The least value.
        low: u32,
        /// The greatest.
        high: u32,
    },
    /// A day that there never is.
    #[error("'{0}' is never due")]
    Never(String),
}

/// Times that come again and again. Each set has a bit for each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether days of the month, and of the week, are narrowed.
    narrowed: (bool, bool),
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() > 5 && fields.last() == Some(&"UTC") {
            fields.pop();
        }
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [seconds, minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(CronError::Fields(text.to_owned()));
        };
        let mut weekday_set = set(weekdays, "day of the week", 0, 7)?;
        // Sunday has two names.
        if weekday_set & (1 << 7) != 0 {
            weekday_set |= 1;
        }
        let cron = Self {
            seconds: set(seconds, "second", 0, 59)?,
            minutes: set(minutes, "minute", 0, 59)?,
            hours: set(hours, "hour", 0, 23)?,
            days: set(days, "day of the month", 1, 31)?,
            months: set(months, "month", 1, 12)?,
            weekdays: weekday_set,
            narrowed: (days != "*", weekdays != "*"),
        };
        match cron.after(0) {
            Some(_) => Ok(cron),
            None => Err(CronError::Never(text.to_owned())),
        }
    }
}

/// The values of a field.
fn set(field: &str, name: &'static str, low: u32, high: u32) -> Result<u64, CronError> {
    let wrong = || CronError::Field {
        field: field.to_owned(),
        name,
        low,
        high,
    };
    let number = |text: &str| {
        text.parse::<u32>()
            .ok()
            .filter(|number| (low..=high).contains(number))
    };
    let mut all = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)),
            None => (part, Some(1)),
        };
        let step: u32 = step.ok_or_else(wrong)?;
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (
                number(from).ok_or_else(wrong)?,
                number(to).ok_or_else(wrong)?,
            ),
            None => {
                let one = number(range).ok_or_else(wrong)?;
                // `5/10` is from there on.
                (one, if part.contains('/') { high } else { one })
            }
        };
        if from > to {
            return Err(wrong());
        }
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        for value in (from..=to).step_by(step) {
            all |= 1u64 << value;
        }
    }
    Ok(all)
}

fn has(set: u64, value: impl Into<u32>) -> bool {
    1u64.checked_shl(value.into())
        .is_some_and(|bit| set & bit != 0)
}

impl Cron {
    /// The first time after `time` (Unix seconds) at which it is due; `None` if there is none in the
    /// nine years that follow, in which every day of a year comes on every day of a week's list.
    #[must_use]
    pub fn after(&self, time: i64) -> Option<i64> {
        let start = OffsetDateTime::from_unix_timestamp(time.checked_add(1)?).ok()?;
        let mut date = start.date();
        let last = date.checked_add(Duration::days(9 * 366))?;
        // The first day has only the rest of its times.
        let mut from = start.time();
        while date <= last {
            if !has(self.months, u8::from(date.month())) {
                date = first_of_next_month(date)?;
                from = Time::MIDNIGHT;
                continue;
            }
            if self.is_day(date)
                && let Some(time) = self.time_from(from)
            {
                return Some(date.with_time(time).assume_utc().unix_timestamp());
            }
            date = date.next_day()?;
            from = Time::MIDNIGHT;
        }
        None
    }

    fn is_day(&self, date: Date) -> bool {
        let of_month = has(self.days, date.day());
        let of_week = has(self.weekdays, date.weekday().number_days_from_sunday());
        match self.narrowed {
            (true, true) => of_month || of_week,
            _ => of_month && of_week,
        }
    }

    /// The first time of a day that is not before `from`.
    fn time_from(&self, from: Time) -> Option<Time> {
        let later = |set, at: u8| (at..60).find(|value| has(set, *value));
        for hour in (from.hour()..24).filter(|hour| has(self.hours, *hour)) {
            let begun = hour == from.hour();
            let mut minute = if begun { from.minute() } else { 0 };
            while let Some(found) = later(self.minutes, minute) {
                let begun = begun && found == from.minute();
                let second = if begun { from.second() } else { 0 };
                if let Some(second) = later(self.seconds, second) {
                    return Time::from_hms(hour, found, second).ok();
                }
                minute = found + 1;
            }
        }
        None
    }
}

fn first_of_next_month(date: Date) -> Option<Date> {
    let month = date.month().next();
    let year = date.year() + i32::from(month == Month::January);
    Date::from_calendar_date(year, month, 1).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(cron: &str, after: &str) -> String {
        use time::format_description::well_known::Rfc3339;
        let after = OffsetDateTime::parse(after, &Rfc3339).unwrap();
        let cron: Cron = cron.parse().unwrap();
        let next = cron.after(after.unix_timestamp()).unwrap();
        let next = OffsetDateTime::from_unix_timestamp(next).unwrap();
        next.format(&Rfc3339).unwrap()
    }

    #[test]
    fn the_next_time_is_found() {
        for (cron, after, then) in [
            (
                "*/5 * * * *",
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:05:00Z",
            ),
            (
                "*/5 * * * *",
                "2026-01-01T23:59:59Z",
                "2026-01-02T00:00:00Z",
            ),
            (
                "0,30 * * * *",
                "2026-01-01T00:29:59Z",
                "2026-01-01T00:30:00Z",
            ),
            ("0 7 * * *", "2026-12-31T07:00:00Z", "2027-01-01T07:00:00Z"),
            (
                "0 0 7 * * * UTC",
                "2026-12-31T06:00:00Z",
                "2026-12-31T07:00:00Z",
            ),
            (
                "15,45 * * * * *",
                "2026-01-01T00:00:15Z",
                "2026-01-01T00:00:45Z",
            ),
            // 2026-01-04 is a Sunday.
            ("0 0 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("0 0 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            (
                "59 23 31 12 *",
                "2026-12-31T23:59:00Z",
                "2027-12-31T23:59:00Z",
            ),
            (
                "10-20/5 8 * * *",
                "2026-01-01T08:10:00Z",
                "2026-01-01T08:15:00Z",
            ),
        ] {
            assert_eq!(next(cron, after), then, "{cron} after {after}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for bad in [
            "",
            "*",
            "* * * *",
            "* * * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1, * * * *",
            "0 0 30 2 *",
            "-1 * * * *",
            "1/ * * * *",
        ] {
            assert!(bad.parse::<Cron>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn junk_is_an_error_or_a_schedule(text in "[0-9*/, UTC-]{0,40}") {
            if let Ok(cron) = text.parse::<Cron>() {
                prop_assert!(cron.after(1_700_000_000).is_some());
            }
        }

        #[test]
        fn the_next_time_fits_and_is_later(time in 0i64..4_000_000_000, step in 1u32..60) {
            let cron: Cron = format!("*/{step} */3 * * 1-5").parse().unwrap();
            let next = cron.after(time).unwrap();
            prop_assert!(next > time);
            let at = OffsetDateTime::from_unix_timestamp(next).unwrap();
            prop_assert_eq!(u32::from(at.minute()) % step, 0);
            prop_assert_eq!(at.hour() % 3, 0);
            prop_assert_eq!(at.second(), 0);
            prop_assert!((1..=5).contains(&at.weekday().number_days_from_sunday()));
            // Nothing in between is due.
            prop_assert_eq!(cron.after(next - 1), Some(next));
        }
    }
}
