//! What a supervisor says of itself: the XML of `GET /_status2?format=xml` (pure).
//!
//! | service | state |
//! |---|---|
//! | monitor 0 | unknown |
//! | monitor 2 | starting |
//! | status 0 | running |
//! | else | failing |
//!
//! Only services of the group `vcap` count.

use quick_xml::Reader;
use quick_xml::events::Event;
use warren_wire_agent::state::{JobState, Process, ProcessCpu, ProcessMemory, Uptime};

/// The most services that are taken.
const MOST: usize = 10_000;

/// An answer that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// No XML.
    #[error("it is not XML")]
    Xml(#[source] Box<quick_xml::Error>),
    /// XML of something else.
    #[error("it is not a monit's")]
    Root,
    /// More services than anybody has.
    #[error("it has more than {MOST} services")]
    TooMany,
}

/// A supervisor's status.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// Changes when the supervisor has read its files again.
    pub incarnation: String,
    /// All services.
    pub services: Vec<Service>,
    /// Names in the group `vcap`.
    pub vcap: Vec<String>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Bits of errors.
    pub status: i64,
    /// The first error, in words.
    pub message: String,
    /// 0 not watched, 1 watched, 2 not looked at yet.
    pub monitor: i64,
    /// 0 unless something is to be done.
    pub pending: i64,
    /// Seconds.
    pub uptime: u64,
    /// Percent.
    pub memory_percent: f64,
    /// KiB.
    pub memory_kb: u64,
    /// Percent.
    pub cpu_percent: f64,
}

impl Service {
    /// In one word.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.monitor, self.status) {
            (0, _) => "unknown",
            (2, _) => "starting",
            (_, 0) => "running",
            _ => "failing",
        }
    }

    /// Whether it has an error.
    #[must_use]
    pub fn is_errored(&self) -> bool {
        self.status > 0 && !self.message.is_empty()
    }
}

impl Status {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`StatusError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, StatusError> {
        // The header says ISO-8859-1; what matters is ASCII, so no byte is worth an error.
        let text: String = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        };
        let mut reading = Reading::default();
        let mut reader = Reader::from_str(&text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        loop {
            match reader
                .read_event()
                .map_err(|error| StatusError::Xml(Box::new(error)))?
            {
                Event::Start(start) => reading.open(&start)?,
                Event::Empty(start) => {
                    reading.open(&start)?;
                    reading.close();
                }
                Event::End(_) => reading.close(),
                Event::Text(text) => reading.text(&text),
                Event::CData(data) => reading.text(&data),
                Event::Eof => break,
                _ => {}
            }
        }
        if reading.is_monit {
            Ok(reading.status)
        } else {
            Err(StatusError::Root)
        }
    }

    /// Names of the services that count.
    #[must_use]
    pub fn vcap_names(&self) -> Vec<String> {
        self.vcap_services()
            .map(|service| service.name.clone())
            .collect()
    }

    /// The services that count.
    pub fn vcap_services(&self) -> impl Iterator<Item = &Service> {
        self.services
            .iter()
            .filter(|service| self.vcap.contains(&service.name))
    }

    /// All of them together.
    #[must_use]
    pub fn job_state(&self) -> JobState {
        let states: Vec<_> = self.vcap_services().map(Service::state).collect();
        if states.contains(&"starting") {
            JobState::Starting
        } else if states.iter().all(|state| *state == "running") {
            JobState::Running
        } else {
            JobState::Failing
        }
    }

    /// Each of them.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let process = |service: &Service| Process {
            name: service.name.clone(),
            state: service.state().to_owned(),
            uptime: Uptime {
                secs: service.uptime,
            },
            mem: ProcessMemory {
                kb: service.memory_kb,
                percent: service.memory_percent,
            },
            cpu: ProcessCpu {
                total: service.cpu_percent,
            },
        };
        self.vcap_services().map(process).collect()
    }
}

#[derive(Default)]
struct Reading {
    status: Status,
    path: Vec<String>,
    group: String,
    text: String,
    is_monit: bool,
}

impl Reading {
    fn open(&mut self, start: &quick_xml::events::BytesStart<'_>) -> Result<(), StatusError> {
        // Deeper than any status; what is below is not looked at.
        if self.path.len() < 32 {
            self.path.push(start.name().as_ref().to_owned());
        } else {
            self.path.push(String::new());
        }
        self.text.clear();
        let attribute = |name: &str| {
            let found = start
                .attributes()
                .flatten()
                .find(|one| one.key.as_ref() == name);
            found.map(|one| {
                let raw = one.value.into_owned();
                quick_xml::escape::unescape(&raw)
                    .map(|text| text.into_owned())
                    .unwrap_or(raw)
            })
        };
        match self.at()[..] {
            ["monit"] => {
                self.is_monit = true;
                self.status.incarnation = attribute("incarnation").unwrap_or_default();
            }
            ["monit", "services", "service"] => {
                if self.status.services.len() >= MOST {
                    return Err(StatusError::TooMany);
                }
                let name = attribute("name").unwrap_or_default();
                self.status.services.push(Service {
                    name,
                    ..Service::default()
                });
            }
            ["monit", "servicegroups", "servicegroup"] => {
                self.group = attribute("name").unwrap_or_default();
            }
            _ => {}
        }
        Ok(())
    }

    fn at(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    fn text(&mut self, text: &str) {
        if self.text.len() < 64 * 1024 {
            self.text.push_str(text);
        }
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = quick_xml::escape::unescape(text.trim())
            .map_or_else(|_| text.trim().to_owned(), std::borrow::Cow::into_owned);
        let path = std::mem::take(&mut self.path);
        let at: Vec<&str> = path.iter().map(String::as_str).collect();
        if let ["monit", "services", "service", rest @ ..] = &at[..]
            && let Some(service) = self.status.services.last_mut()
        {
            match rest {
                ["status"] => service.status = text.parse().unwrap_or(0),
                ["status_message"] => service.message = text,
                ["monitor"] => service.monitor = text.parse().unwrap_or(0),
                ["pendingaction"] => service.pending = text.parse().unwrap_or(0),
                ["uptime"] => service.uptime = text.parse().unwrap_or(0),
                ["memory", "percenttotal"] => service.memory_percent = fraction(&text),
                ["memory", "kilobytetotal"] => service.memory_kb = text.parse().unwrap_or(0),
                ["cpu", "percenttotal"] => service.cpu_percent = fraction(&text),
                _ => {}
            }
        } else if at == ["monit", "servicegroups", "servicegroup", "service"]
            && self.group == "vcap"
            && self.status.vcap.len() < MOST
        {
            self.status.vcap.push(text);
        }
        self.path = path;
        self.path.pop();
    }
}

/// A number; what is none, or has no end, is 0.
fn fraction(text: &str) -> f64 {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::Status;
    use proptest::prelude::*;
    use warren_wire_agent::state::JobState;

    const TWO: &str = r#"<?xml version="1.0" encoding="ISO-8859-1"?><monit id="i" incarnation="17"
        version="5.2.5"><services><service name="system_x"><type>5</type><monitor>1</monitor>
        </service><service name="web"><status>512</status><status_message><![CDATA[process is not
        running]]></status_message><monitor>1</monitor><pendingaction>2</pendingaction></service>
        <service name="db"><status>0</status><monitor>1</monitor><uptime>55</uptime><memory>
        <percent>1.0</percent><percenttotal>0.3</percenttotal><kilobytetotal>77396</kilobytetotal>
        </memory><cpu><percenttotal>1.5</percenttotal></cpu></service></services><servicegroups>
        <servicegroup name="vcap"><service>web</service><service>db</service></servicegroup>
        <servicegroup name="other"><service>system_x</service></servicegroup></servicegroups></monit>"#;

    #[test]
    fn a_status_with_two_services() {
        let status = Status::parse(TWO.as_bytes()).unwrap();
        assert_eq!(status.incarnation, "17");
        assert_eq!(status.vcap_names(), ["web", "db"]);
        assert_eq!(status.job_state(), JobState::Failing);
        let web = &status.services[1];
        assert!(web.is_errored() && web.pending == 2 && web.message.starts_with("process is not"));
        let db = &status.processes()[1];
        assert_eq!(
            (&*db.state, db.uptime.secs, db.mem.kb),
            ("running", 55, 77396)
        );
    }

    #[test]
    fn a_recorded_status_without_services_runs() {
        let status = Status::parse(include_bytes!(
            "../../tests/fixtures/monit-status-empty.xml"
        ));
        let status = status.unwrap();
        assert_eq!(status.incarnation, "1795312127");
        assert_eq!(status.job_state(), JobState::Running);
        assert!(status.processes().is_empty());
    }

    #[test]
    fn what_is_something_else_is_refused() {
        assert!(Status::parse(b"<html></html>").is_err());
        assert!(Status::parse(b"").is_err());
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>, at in 0..1000usize, other: u8) {
            let _ = Status::parse(&bytes);
            let mut changed = TWO.as_bytes().to_vec();
            let at = at.min(changed.len() - 1);
            changed[at] = other;
            let _ = Status::parse(&changed);
        }
    }
}
