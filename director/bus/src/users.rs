//! Users of the NATS server.
//!
//! ```text
//! auth.json   {"authorization":{"users":[{"user","permissions":{"publish","subscribe"}}]}}
//!             0640; included at the end of the server's configuration, replaced as a whole
//! ```
//!
//! A server that is just starting may have read the file before it was replaced, and not yet have
//! written its process id: so whoever writes remembers which process was told, and tells another one
//! again the next time. With a connection to the server, its process id is there. Whose number is in the
//! file is looked at each time (`process`), for it may be old.
//!
//! The server maps a client's certificate to a user by its whole subject. A machine has a user for
//! its first certificate until it has got its lasting one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use warren_wire_agent::subject;

use crate::{Error, process};

/// An agent that may use the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// With its first certificate and with its lasting one.
    Starting,
    /// With its lasting one.
    Permanent,
}

/// Users of one NATS server.
#[derive(Debug, Clone)]
pub struct Users {
    /// The file that the server's configuration includes.
    pub file: PathBuf,
    /// Where the server has its process id.
    pub pid_file: PathBuf,
    /// The rest of the subject of all certificates, before the common name.
    pub subject_prefix: String,
    /// The director's common name.
    pub director: String,
    /// The health monitor's common name.
    pub health_monitor: String,
    /// The server's process that was told of the file as it is.
    told: Arc<Mutex<Option<Pid>>>,
}

/// As the stock director's certificates have it.
pub const SUBJECT_PREFIX: &str = "C=USA, O=Cloud Foundry, CN=";

impl Users {
    /// Users with stock's names.
    #[must_use]
    pub fn new(file: &Path, pid_file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            pid_file: pid_file.to_owned(),
            subject_prefix: SUBJECT_PREFIX.to_owned(),
            director: "default.director.bosh-internal".to_owned(),
            health_monitor: "default.hm.bosh-internal".to_owned(),
            told: Arc::default(),
        }
    }

    fn user(&self, name: &str, publish: &[String], subscribe: &[String]) -> Value {
        json!({
            "user": format!("{}{name}", self.subject_prefix),
            "permissions": {"publish": publish, "subscribe": subscribe},
        })
    }

    /// The document for these agents.
    #[must_use]
    pub fn document(&self, agents: &BTreeMap<String, Known>) -> Value {
        let owned =
            |list: &[&str]| -> Vec<String> { list.iter().map(|item| (*item).to_owned()).collect() };
        let mut users = vec![
            self.user(
                &self.director,
                &owned(&["agent.*", "hm.director.alert"]),
                &owned(&["director.>"]),
            ),
            self.user(
                &self.health_monitor,
                &[],
                &owned(&[
                    "hm.agent.heartbeat.*",
                    "hm.agent.alert.*",
                    "hm.agent.shutdown.*",
                    "hm.director.alert",
                ]),
            ),
        ];
        for (agent, known) in agents {
            let publish = subject::agent_publishes(agent);
            let subscribe = subject::agent_subscribes(agent);
            if *known == Known::Starting {
                let name = subject::common_name(agent, true);
                users.push(self.user(&name, &publish, &subscribe));
            }
            let name = subject::common_name(agent, false);
            users.push(self.user(&name, &publish, &subscribe));
        }
        json!({"authorization": {"users": users}})
    }

    /// Writes these agents and makes the server read them; the answer is whether the server had to
    /// be told. A server that is not running will read them when it starts.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Reload`].
    pub fn write(&self, agents: &BTreeMap<String, Known>) -> Result<bool, Error> {
        let text = format!("{:#}\n", self.document(agents));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let server = self.server();
        let is_same = fs::read(&self.file).is_ok_and(|old| old == text.as_bytes());
        if is_same {
            if server.is_none() || server == *told {
                return Ok(false);
            }
        } else {
            self.replace(&text)?;
        }
        // Not `server`: it may have come up meanwhile.
        *told = self.reload()?;
        Ok(true)
    }

    fn replace(&self, text: &str) -> Result<(), Error> {
        let failed = |step| {
            move |source| Error::File {
                step,
                path: self.file.clone(),
                source,
            }
        };
        // Replaced as a whole: the server may read it at any moment.
        let new = self.file.with_extension("new");
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o640)
            .open(&new)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(failed("write the users of NATS to"))?;
        fs::rename(&new, &self.file).map_err(failed("put the users of NATS to"))
    }

    fn server(&self) -> Option<Pid> {
        process::server(Path::new("/proc"), &self.pid_file, &self.file)
    }

    /// Makes the server read its users; the answer is its process.
    fn reload(&self) -> Result<Option<Pid>, Error> {
        let Some(pid) = self.server() else {
            return Ok(None);
        };
        match kill_process(pid, Signal::HUP) {
            Ok(()) => Ok(Some(pid)),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(Error::Reload {
                pid: pid.as_raw_nonzero().get(),
                source: error.into(),
            }),
        }
    }
}
