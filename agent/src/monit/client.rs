//! Monit's HTTP interface: status, and actions on services.
//!
//! While a supervisor is busy it answers 503, and monit's client tried again each second; here it
//! is each 50 ms, for as long.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ureq::Agent;
use warren_wire_agent::base64;

use super::status::Status;
use super::{LOOK, MonitError};

/// No answer for this long: it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a supervisor may be away, as while it is started.
const AWAY: Duration = Duration::from_secs(20);
/// How long it may be busy.
const BUSY: Duration = Duration::from_secs(300);
/// Longest status that is read.
const MOST: u64 = 16 * 1024 * 1024;

/// A connection's end.
pub struct Client {
    agent: Agent,
    place: String,
    user: PathBuf,
}

impl Client {
    pub(super) fn new(place: &str, user: PathBuf) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .max_idle_connections(0)
            .build();
        Self {
            agent: config.new_agent(),
            place: place.to_owned(),
            user,
        }
    }

    /// Read each time: the supervisor may be another one now.
    fn authorization(&self) -> String {
        let user = std::fs::read_to_string(&self.user).unwrap_or_default();
        format!("Basic {}", base64::encode(user.trim().as_bytes()))
    }

    fn failed(&self, what: &str, error: ureq::Error) -> MonitError {
        let (place, what) = (self.place.clone(), what.to_owned());
        MonitError::Transport {
            place,
            what,
            source: Box::new(error),
        }
    }

    pub(super) fn status(&self) -> Result<Status, MonitError> {
        let what = "tell its status";
        let url = format!("http://{}/_status2?format=xml", self.place);
        let request = self
            .agent
            .get(url)
            .header("authorization", self.authorization());
        let mut answer = request.call().map_err(|error| self.failed(what, error))?;
        if answer.status() != 200 {
            let (status, what) = (answer.status().as_u16(), what.to_owned());
            return Err(MonitError::Answer { status, what });
        }
        let body = answer.body_mut().with_config().limit(MOST).read_to_vec();
        Ok(Status::parse(
            &body.map_err(|error| self.failed(what, error))?,
        )?)
    }

    /// Asks until there is an answer, for as long as a supervisor may be away.
    pub(super) fn status_patiently(&self) -> Result<Status, MonitError> {
        let deadline = Instant::now() + AWAY;
        loop {
            match self.status() {
                Err(_) if Instant::now() < deadline => std::thread::sleep(LOOK),
                done => return done,
            }
        }
    }

    fn post(&self, path: &str, action: &str) -> Result<u16, MonitError> {
        let url = format!("http://{}/{path}", self.place);
        let request = self
            .agent
            .post(url)
            .header("authorization", self.authorization());
        let answer = request.send_form([("action", action)]);
        let answer = answer.map_err(|error| self.failed(&format!("{action} {path}"), error))?;
        Ok(answer.status().as_u16())
    }

    /// Has it do something with a service.
    pub(super) fn act(&self, service: &str, action: &str) -> Result<(), MonitError> {
        let (away, busy) = (Instant::now() + AWAY, Instant::now() + BUSY);
        loop {
            let outcome = self.post(&escaped(service), action);
            match outcome {
                Ok(200..=299) => return Ok(()),
                Ok(503) if Instant::now() < busy => {}
                Err(_) if Instant::now() < away => {}
                Ok(status) => {
                    return Err(MonitError::Answer {
                        status,
                        what: format!("{action} {service}"),
                    });
                }
                Err(error) => return Err(error),
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Has it read its files again, if it can be asked to; tells whether it said that it will.
    pub(super) fn reload(&self) -> bool {
        matches!(self.post("_runtime", "reload"), Ok(200..=299))
    }
}

/// A service's name as a path.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
