//! What whoever runs bpm may choose, for every process or by the environment of the machine.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use warren_container_runtime::engine::Devices;

use crate::Error;

/// How a process is kept apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// In a container: namespaces, mounts, filter of system calls.
    #[default]
    Container,
    /// As a process of the machine, with its user, environment, limits and logs alone.
    Direct,
}

/// What makes control groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Driver {
    /// bpm, below or beside its own.
    #[default]
    Cgroupfs,
    /// systemd, as a scope.
    Systemd,
}

/// All choices. By default a process gets a container and a device filter of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// How processes are kept apart.
    pub isolation: Isolation,
    /// Whose device filter holds.
    pub devices: Devices,
    /// What makes control groups.
    pub driver: Driver,
}

/// The variable for how long a process may take to end when it is asked, in seconds.
pub const STOP_TIMEOUT: &str = "WARREN_BPM_STOP_TIMEOUT";
/// The variable for how long a hook may take, in seconds; 0 is for ever.
pub const HOOK_TIMEOUT: &str = "WARREN_BPM_HOOK_TIMEOUT";
/// The longest of either: a day.
const LONGEST: u64 = 86_400;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A process's end when it is asked. monit waits for 30 s in all.
    pub stop: Duration,
    /// A hook; `None` is for ever. What takes too long is killed, since nobody else ends it, and
    /// until then every other verb waits for it.
    pub hook: Option<Duration>,
}

impl Times {
    /// As the environment says, else 15 s and an hour.
    ///
    /// # Errors
    /// [`Error::Seconds`].
    pub fn from_environment() -> Result<Self, Error> {
        let given = |variable| match std::env::var_os(variable) {
            Some(text) => seconds(variable, &text.to_string_lossy()),
            None => Ok(None),
        };
        let hook = given(HOOK_TIMEOUT)?.unwrap_or(3600);
        Ok(Self {
            stop: Duration::from_secs(given(STOP_TIMEOUT)?.unwrap_or(15)),
            hook: (hook > 0).then(|| Duration::from_secs(hook)),
        })
    }
}

/// A number of seconds; none for no text.
fn seconds(variable: &'static str, text: &str) -> Result<Option<u64>, Error> {
    let wrong = || Error::Seconds {
        variable,
        most: LONGEST,
        got: text.to_owned(),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse().map_err(|_| wrong())?;
    (number <= LONGEST)
        .then_some(Some(number))
        .ok_or_else(wrong)
}

/// A word that is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be {choices}, not {got:?}")]
pub struct NoChoice {
    choices: &'static str,
    got: String,
}

impl FromStr for Isolation {
    type Err = NoChoice;
    fn from_str(text: &str) -> Result<Self, NoChoice> {
        match text {
            "container" => Ok(Self::Container),
            "direct" => Ok(Self::Direct),
            other => Err(no_choice("container or direct", other)),
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Container => "container",
            Self::Direct => "direct",
        })
    }
}

impl FromStr for Driver {
    type Err = NoChoice;
    fn from_str(text: &str) -> Result<Self, NoChoice> {
        match text {
            "cgroupfs" => Ok(Self::Cgroupfs),
            "systemd" => Ok(Self::Systemd),
            other => Err(no_choice("cgroupfs or systemd", other)),
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Cgroupfs => "cgroupfs",
            Self::Systemd => "systemd",
        })
    }
}

/// Reads whose device filter holds: `own` or `inherited`.
///
/// # Errors
/// Another word.
pub fn devices(text: &str) -> Result<Devices, NoChoice> {
    match text {
        "own" => Ok(Devices::Own),
        "inherited" => Ok(Devices::Inherited),
        other => Err(no_choice("own or inherited", other)),
    }
}

fn no_choice(choices: &'static str, got: &str) -> NoChoice {
    let got = got.to_owned();
    NoChoice { choices, got }
}
