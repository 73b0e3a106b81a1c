//! What the supervisor of a level says of its processes.

use serde::Deserialize;
use warren_garden_client::Streams;

use crate::container::{EXECUTABLE, run};
use crate::{Error, Level};

/// A process that is kept up.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Service {
    /// Its name.
    pub name: String,
    /// `running`, `initializing` and so on.
    #[serde(skip)]
    pub state: String,
    /// Why it is not running.
    pub fault: Option<serde_json::Value>,
    /// Of its process, if there is one.
    pub vitals: Option<Vitals>,
}

/// Figures of a process.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Vitals {
    /// Its number inside.
    pub pid: i64,
    /// Seconds since it began.
    pub uptime: u64,
    /// Its memory and that of its children, KiB.
    pub memory_total: u64,
}

#[derive(Deserialize)]
struct Summary {
    services: Vec<Service>,
    states: Vec<String>,
}

/// All processes of a container of a level, without the machine itself.
pub(crate) fn of(level: &Level, handle: &str) -> Result<Vec<Service>, Error> {
    let text = run(
        level,
        handle,
        &format!("{EXECUTABLE} monit --json summary"),
        Streams::default(),
    )?;
    let summary: Summary = serde_json::from_str(&text).map_err(|source| Error::Record {
        path: format!("monit of {handle}").into(),
        source,
    })?;
    let Summary { services, states } = summary;
    let all = services.into_iter().zip(states);
    Ok(all
        .map(|(service, state)| Service { state, ..service })
        .filter(|service| !service.name.starts_with("system_"))
        .collect())
}
