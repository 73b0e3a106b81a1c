//! The agent's log: lines on standard error, which init writes to a file.
//!
//! What is done for a request ends in ` request_id=ID`, by which a director's logs name the same:
//! [`about`] says so for a thread, and whoever starts another thread hands on what [`request`] is.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest id that is told.
const LONGEST: usize = 128;

thread_local! {
    static REQUEST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What this thread does is for this request; ends when it is dropped.
#[derive(Debug)]
pub struct About(String);

/// Says for which request this thread works from now on: an id, or nothing.
#[must_use]
pub fn about(request: &str) -> About {
    let request: String = request.chars().take(LONGEST).collect();
    About(REQUEST.replace(request))
}

impl Drop for About {
    fn drop(&mut self) {
        // A thread that ends may have lost it before.
        let _gone = REQUEST.try_with(|now| now.replace(std::mem::take(&mut self.0)));
    }
}

/// For which request this thread works; empty if for none.
#[must_use]
pub fn request() -> String {
    REQUEST
        .try_with(|now| now.borrow().clone())
        .unwrap_or_default()
}

/// A line's text, with the request that it is about.
fn with_request(text: &str) -> String {
    let (text, request) = (text.replace('\n', "\\n"), request());
    if request.is_empty() {
        return text;
    }
    // It came from outside.
    let is_plain = |letter: &char| letter.is_ascii_graphic();
    let request: String = request.chars().filter(is_plain).collect();
    format!("{text} request_id={request}")
}

/// Writes one line. Nobody reading is no reason to stop.
pub fn line(part: &str, text: fmt::Arguments<'_>) {
    line_to(&mut std::io::stderr().lock(), part, text);
}

/// Writes one line to another log than the own.
pub fn line_to(log: &mut impl Write, part: &str, text: fmt::Arguments<'_>) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let day = seconds / 86_400;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let (year, month, day) = date(day);
    let text = with_request(&text.to_string());
    let _ = writeln!(
        log,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z [{part}] {text}"
    );
}

/// Year, month and day of a day since 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// Writes one line to the log: `say!("part", "text {}", argument)`.
#[macro_export]
macro_rules! say {
    ($part:expr, $($text:tt)+) => {
        $crate::log::line($part, format_args!($($text)+))
    };
}

#[cfg(test)]
mod tests {
    use super::{about, date, request, with_request};

    #[test]
    fn lines_end_in_what_they_are_about() {
        assert_eq!(with_request("a\nb"), "a\\nb");
        let outer = about("one");
        {
            let _inner = about("two\n3 4");
            assert_eq!(with_request("text"), "text request_id=two34");
        }
        assert_eq!(with_request("text"), "text request_id=one");
        let other = std::thread::spawn(request);
        assert_eq!(other.join().unwrap(), "");
        drop(outer);
        assert_eq!(with_request("text"), "text");
    }

    #[test]
    fn days() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_779), (2026, 11, 22));
    }
}
