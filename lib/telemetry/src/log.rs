//! Log lines with fields, on standard error.
//!
//! ```text
//! text   2026-01-02T03:04:05.678Z info request method=GET path=/info status=200 request_id=4b1d...
//! json   {"time":"2026-01-02T03:04:05.678Z","level":"info","event":"request","method":"GET",...}
//! ```
//!
//! The values of a text line are quoted as JSON where they hold anything but plain letters (logfmt).
//! Who listens to the context hears each line as `EVENT FIELDS`, and more of some.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::context::{Context, current};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people: logfmt after time, level and event.
    #[default]
    Text,
    /// For machines: an object for each line.
    Json,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What is done.
    Info,
    /// What went wrong and is done again, or without.
    Warn,
    /// What went wrong for good.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

static AS_JSON: AtomicBool = AtomicBool::new(false);

/// Chooses the format of all lines of this process.
pub fn set_format(format: Format) {
    AS_JSON.store(format == Format::Json, Ordering::Relaxed);
}

/// Writes a line about what is being done, with the request and the task that it is done for.
pub fn line(level: Level, event: &str, fields: &[(&str, Value)]) {
    detailed(level, event, fields, &[]);
}

/// As [`line()`], with fields that only who listens hears.
pub fn detailed(level: Level, event: &str, fields: &[(&str, Value)], details: &[(&str, Value)]) {
    let format = match AS_JSON.load(Ordering::Relaxed) {
        true => Format::Json,
        false => Format::Text,
    };
    let context = current();
    let text = render(format, SystemTime::now(), level, event, fields, &context);
    // There is nobody to tell that standard error is gone.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    let hear = || plain_line(event, fields.iter().chain(details));
    context.listener.hear(hear);
}

/// Tells something that only who listens hears.
pub fn detail(event: &str, fields: &[(&str, Value)]) {
    let hear = || plain_line(event, fields.iter());
    current().listener.hear(hear);
}

fn plain_line<'f>(event: &str, fields: impl Iterator<Item = &'f (&'f str, Value)>) -> String {
    let mut text = event.to_owned();
    for (name, value) in fields {
        text.push_str(&format!(" {name}={}", plain(value)));
    }
    text
}

/// Milliseconds with three digits behind the point, as a field.
#[must_use]
pub fn milliseconds(time: Duration) -> Value {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    json!(f64::from(micros) / 1000.0)
}

fn render(
    format: Format,
    time: SystemTime,
    level: Level,
    event: &str,
    fields: &[(&str, Value)],
    context: &Context,
) -> String {
    let mut about = Vec::new();
    if !context.request.is_empty() {
        about.push(("request_id", json!(&*context.request)));
    }
    if let Some(task) = context.task {
        about.push(("task", json!(task)));
    }
    let all = fields
        .iter()
        .map(|(name, value)| (*name, value))
        .chain(about.iter().map(|(name, value)| (*name, value)));
    match format {
        Format::Json => {
            let mut object = Map::new();
            object.insert("time".into(), json!(timestamp(time)));
            object.insert("level".into(), json!(level.name()));
            object.insert("event".into(), json!(event));
            for (name, value) in all {
                object.insert(name.into(), value.clone());
            }
            format!("{}\n", Value::Object(object))
        }
        Format::Text => {
            let mut text = format!("{} {} {event}", timestamp(time), level.name());
            for (name, value) in all {
                text.push(' ');
                text.push_str(name);
                text.push('=');
                text.push_str(&plain(value));
            }
            text.push('\n');
            text
        }
    }
}

/// A value of a text line.
fn plain(value: &Value) -> String {
    let harmless = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'=';
    match value {
        Value::String(text) if !text.is_empty() && text.bytes().all(harmless) => text.clone(),
        other => other.to_string(),
    }
}

fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    let text = OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default();
    format!(
        "{}.{:03}Z",
        text.trim_end_matches('Z'),
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::context::Listener;

    fn rendered(format: Format, fields: &[(&str, Value)]) -> String {
        let context = Context {
            request: "r-1".into(),
            task: Some(4),
            ..Context::default()
        };
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        render(format, time, Level::Warn, "cpi_call", fields, &context)
    }

    #[test]
    fn lines_look_like_this() {
        let fields = [
            ("method", json!("create_vm")),
            ("said", json!("two words")),
            ("ms", milliseconds(Duration::from_micros(1_500))),
        ];
        assert_eq!(
            rendered(Format::Text, &fields),
            "2023-11-14T22:13:20.123Z warn cpi_call method=create_vm said=\"two words\" ms=1.5 \
             request_id=r-1 task=4\n"
        );
        let json: Value = serde_json::from_str(&rendered(Format::Json, &fields)).unwrap();
        assert_eq!(json["time"], "2023-11-14T22:13:20.123Z");
        assert_eq!(json["level"], "warn");
        assert_eq!(json["event"], "cpi_call");
        assert_eq!(json["said"], "two words");
        assert_eq!(json["request_id"], "r-1");
        assert_eq!(json["task"], 4);
    }

    #[tokio::test]
    async fn who_listens_hears_more_than_is_written() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&heard);
        let context = Context {
            listener: Listener::new(move |text| hear.lock().unwrap().push(text.to_owned())),
            ..Context::default()
        };
        let tell = async {
            line(Level::Info, "one", &[("a", json!(1))]);
            detailed(
                Level::Info,
                "two",
                &[("a", json!("x y"))],
                &[("b", json!("z"))],
            );
            detail("three", &[("c", json!("a\nb"))]);
        };
        crate::context::within(context, tell).await;
        line(Level::Info, "four", &[]);
        let wanted = ["one a=1", "two a=\"x y\" b=z", "three c=\"a\\nb\""];
        assert_eq!(*heard.lock().unwrap(), wanted);
    }

    proptest! {
        #[test]
        fn one_line_whatever_is_in_it(text in ".*") {
            for format in [Format::Text, Format::Json] {
                let line = rendered(format, &[("x", json!(text))]);
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert!(line.ends_with('\n'));
            }
        }
    }
}
