//! What whoever runs bpm may choose, for every process or by the environment of the machine.

use std::fmt;
use std::str::FromStr;

use warren_container_runtime::engine::Devices;

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
