//! Alerts: what a supervisor's mail says, as the health monitor wants it.
//!
//! | event, in lower case | severity |
//! |---|---|
//! | does not exist; connection, execution or monit instance failed | 1 alert |
//! | pid, ppid, uid, icmp, checksum failed; timeout; what is not known | 2 critical |
//! | resource limit matched; another failure or error | 3 error |
//! | most changes | 4 warning |
//! | succeeded, not changed, action done, exists | none: dropped |

use serde::{Deserialize, Serialize};

/// Longest line of a mail that is read, in bytes; longer ones are cut.
const LINE: usize = 1000;

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// The mail's own id.
    pub id: String,
    /// 1 alert, 2 critical, 3 error, 4 warning.
    pub severity: i64,
    /// `service (ip, ip) - event - action`.
    pub title: String,
    /// What happened, in words.
    pub summary: String,
    /// Seconds since 1970.
    pub created_at: i64,
}

/// What a supervisor's mail says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// `Message-id`.
    pub id: String,
    /// `Service`.
    pub service: String,
    /// `Event`.
    pub event: String,
    /// `Action`.
    pub action: String,
    /// `Date`, seconds since 1970; none if it cannot be read.
    pub date: Option<i64>,
    /// `Description`.
    pub description: String,
}

impl Mail {
    /// Reads the lines of a mail; unknown ones are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut mail = Self::default();
        for line in text.lines() {
            let line = &line[..line.floor_char_boundary(line.len().min(LINE))];
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match key.trim() {
                "Message-id" => {
                    mail.id = value
                        .trim_start_matches('<')
                        .trim_end_matches('>')
                        .to_owned();
                }
                "Service" => mail.service = value.to_owned(),
                "Event" => mail.event = value.to_owned(),
                "Action" => mail.action = value.to_owned(),
                "Date" => mail.date = seconds(value),
                "Description" => mail.description = value.to_owned(),
                _ => {}
            }
        }
        mail
    }

    /// The alert, or nothing if the event is none to be told. `now` stands for a missing date,
    /// `addresses` are the instance's.
    #[must_use]
    pub fn alert(&self, addresses: &[String], now: i64) -> Option<Alert> {
        let place = if addresses.is_empty() {
            self.service.clone()
        } else {
            format!("{} ({})", self.service, addresses.join(", "))
        };
        Some(Alert {
            id: self.id.clone(),
            severity: severity(&self.event)?,
            title: format!("{place} - {} - {}", self.event, self.action),
            summary: self.description.clone(),
            created_at: self.date.unwrap_or(now),
        })
    }
}

/// How bad an event is; nothing for good news.
#[must_use]
pub fn severity(event: &str) -> Option<i64> {
    let event = event.to_ascii_lowercase();
    match &*event {
        "action done"
        | "checksum succeeded"
        | "checksum not changed"
        | "connection succeeded"
        | "connection not changed"
        | "content match"
        | "data access succeeded"
        | "exists"
        | "execution succeeded"
        | "filesystem flags succeeded"
        | "filesystem flags not changed"
        | "gid succeeded"
        | "heartbeat failed"
        | "monit instance changed not"
        | "icmp succeeded"
        | "invalid type succeeded"
        | "monit instance changed"
        | "type succeeded" => None,
        "checksum failed" | "icmp failed" | "pid failed" | "ppid failed" | "uid failed"
        | "timeout" => Some(2),
        "connection failed" | "does not exist" | "execution failed" | "monit instance failed" => {
            Some(1)
        }
        "content failed"
        | "data access error"
        | "filesystem flags failed"
        | "gid failed"
        | "invalid type"
        | "permission failed"
        | "resource limit matched"
        | "size failed"
        | "status failed"
        | "timestamp failed" => Some(3),
        "checksum changed"
        | "connection changed"
        | "content changed"
        | "gid changed"
        | "filesystem flags changed"
        | "permission changed"
        | "pid changed"
        | "ppid changed"
        | "size changed"
        | "timestamp changed"
        | "uid changed"
        | "resource limit changed" => Some(4),
        other if other.ends_with("succeeded") || other.ends_with("not changed") => None,
        _ => Some(2),
    }
}

/// RFC 1123 with a numeric zone, `Sun, 22 May 2011 20:07:41 +0500`, as seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = date.split_once(',').map_or(date, |(_, rest)| rest);
    let mut parts = date.split_ascii_whitespace();
    let day: i64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let month = parts.next()?;
    let month = MONTHS
        .iter()
        .position(|one| one.eq_ignore_ascii_case(month))?
        + 1;
    let month = i64::try_from(month).ok()?;
    let year: i64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|year| (1970..=9999).contains(year))?;
    let mut clock = parts
        .next()?
        .split(':')
        .map(|part| part.parse::<i64>().ok());
    let mut next = |most: i64| clock.next()?.filter(|part| (0..=most).contains(part));
    let (hour, minute, second) = (next(23)?, next(59)?, next(60)?);
    let zone = match parts.next() {
        None | Some("GMT" | "UTC") => 0,
        Some(text) => {
            let digits = text.get(1..).filter(|digits| digits.len() == 4)?;
            let number: i64 = digits.parse().ok().filter(|number| *number >= 0)?;
            let minutes = number / 100 * 60 + number % 100;
            match text.as_bytes()[0] {
                b'+' => minutes,
                b'-' => -minutes,
                _ => return None,
            }
        }
    };
    // Days since 1970-01-01 of the proleptic Gregorian calendar, with years that begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second - zone * 60)
}

#[cfg(test)]
mod tests {
    use super::{Mail, severity};
    use proptest::prelude::*;

    const MAIL: &str = "Message-id: <1304319946.0@localhost>\n\
        Service: nats\nEvent: does not exist\nAction: restart\n\
        Date: Sun, 22 May 2011 20:07:41 +0500\nDescription: process is not running\n";

    #[test]
    fn a_mail_becomes_an_alert() {
        let alert = Mail::parse(MAIL)
            .alert(&["192.168.0.1".to_owned()], 7)
            .unwrap();
        assert_eq!(alert.id, "1304319946.0@localhost");
        assert_eq!(alert.severity, 1);
        assert_eq!(alert.title, "nats (192.168.0.1) - does not exist - restart");
        assert_eq!(alert.summary, "process is not running");
        assert_eq!(alert.created_at, 1_306_076_861);
    }

    #[test]
    fn good_news_is_none_and_the_unknown_is_critical() {
        assert_eq!(severity("Exists"), None);
        assert_eq!(severity("size succeeded"), None);
        assert_eq!(severity("never heard of"), Some(2));
        assert_eq!(severity("Resource limit matched"), Some(3));
    }

    #[test]
    fn a_date_that_is_none_is_now() {
        let mail = Mail::parse("Service: a\nDate: yesterday\nEvent: timeout\n");
        assert_eq!(mail.alert(&[], 7).unwrap().created_at, 7);
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(text in "\\PC*", date in "[A-Za-z0-9:,+ -]{0,40}") {
            let _ = Mail::parse(&text).alert(&[], 0);
            let _ = Mail::parse(&format!("Date: {date}"));
        }
    }
}
