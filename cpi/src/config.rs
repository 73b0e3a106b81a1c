//! The configuration file, `cpi.json`, as the stock CPI takes it: keys in any case.
//!
//! | key | without it |
//! |---|---|
//! | `start_containers_with_systemd` | false |
//! | `Warden.ConnectNetwork`, `.ConnectAddress` | `tcp`, `127.0.0.1:7777` (`unix`: a path) |
//! | `Actions.StemcellsDir`, `.DisksDir` | `/var/vcap/store/warden_cpi/{stemcells,disks}` |
//! | `Actions.HostEphemeralBindMountsDir`, `.HostPersistentBindMountsDir` | `.../{ephemeral,persistent}_bind_mounts_dir` |
//! | `Actions.GuestEphemeralBindMountPath`, `.GuestPersistentBindMountsDir` | `/var/vcap/data`, `/warden-cpi-dev` |
//! | `Actions.Agent.Mbus`, `.NTP` | needed, none |
//! | `Actions.DiskKind` (Warren's) | `auto`; `file`, `directory` |
//! | `Actions.BindHostCgroup` (Warren's) | false |
//!
//! `Actions.ExpandStemcellTarball` and `Actions.Agent.Blobstore` are accepted and mean nothing: a
//! stemcell is always kept as one plain archive, and blobstores come in `env.bosh`.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What the CPI is told once for all its calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The machine's first process is the image's own init, which starts the agent.
    pub start_containers_with_systemd: bool,
    /// Where Garden is.
    pub warden: Warden,
    /// Where things are kept, and what agents are told.
    pub actions: Actions,
}

/// Where Garden is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Warden {
    /// `tcp` or `unix`.
    pub connectnetwork: String,
    /// `host:port`, or a path.
    pub connectaddress: String,
}

/// Directories on the host and in machines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Actions {
    /// Stemcells.
    pub stemcellsdir: PathBuf,
    /// Disks.
    pub disksdir: PathBuf,
    /// One directory for each machine, its `/var/vcap/data`.
    pub hostephemeralbindmountsdir: PathBuf,
    /// One directory for each machine, where its disks are mounted.
    pub hostpersistentbindmountsdir: PathBuf,
    /// Where the former is inside.
    pub guestephemeralbindmountpath: String,
    /// Where the latter is inside.
    pub guestpersistentbindmountsdir: String,
    /// What agents are told.
    pub agent: Agent,
    /// What new disks are.
    pub diskkind: DiskKind,
    /// Whether machines see the host's control groups instead of their own.
    pub bindhostcgroup: bool,
}

/// What agents are told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// URL of the bus. May hold a password.
    pub mbus: String,
    /// Time servers.
    pub ntp: Vec<String>,
}

/// What a new disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DiskKind {
    /// A file system in a file where that can be mounted, else a directory.
    #[default]
    Auto,
    /// A file system in a file.
    File,
    /// A directory; its size is written down, not enforced.
    Directory,
}

const BASE: &str = "/var/vcap/store/warden_cpi";

impl Default for Warden {
    fn default() -> Self {
        Self {
            connectnetwork: "tcp".to_owned(),
            connectaddress: "127.0.0.1:7777".to_owned(),
        }
    }
}

impl Default for Actions {
    fn default() -> Self {
        let at = |name: &str| PathBuf::from(BASE).join(name);
        Self {
            stemcellsdir: at("stemcells"),
            disksdir: at("disks"),
            hostephemeralbindmountsdir: at("ephemeral_bind_mounts_dir"),
            hostpersistentbindmountsdir: at("persistent_bind_mounts_dir"),
            guestephemeralbindmountpath: "/var/vcap/data".to_owned(),
            guestpersistentbindmountsdir: "/warden-cpi-dev".to_owned(),
            agent: Agent::default(),
            diskkind: DiskKind::Auto,
            bindhostcgroup: false,
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not JSON of this shape.
    #[error("cannot understand the configuration")]
    Parse(#[source] serde_json::Error),
    /// A value cannot be.
    #[error("configuration: {key} {problem}")]
    Value {
        /// Which.
        key: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`]; it never tells the bus's URL, which may hold a password.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let value: Value = serde_json::from_slice(bytes).map_err(ConfigError::Parse)?;
        let config: Config =
            serde_json::from_value(lower_case(value, 0)).map_err(ConfigError::Parse)?;
        let wrong = |key, problem| Err(ConfigError::Value { key, problem });
        if !matches!(config.warden.connectnetwork.as_str(), "tcp" | "unix") {
            return wrong("Warden.ConnectNetwork", "must be tcp or unix");
        }
        if config.warden.connectaddress.is_empty() {
            return wrong("Warden.ConnectAddress", "must not be empty");
        }
        let actions = &config.actions;
        if actions.agent.mbus.is_empty() {
            return wrong("Actions.Agent.Mbus", "must be given");
        }
        let host = [
            ("Actions.StemcellsDir", &actions.stemcellsdir),
            ("Actions.DisksDir", &actions.disksdir),
            (
                "Actions.HostEphemeralBindMountsDir",
                &actions.hostephemeralbindmountsdir,
            ),
            (
                "Actions.HostPersistentBindMountsDir",
                &actions.hostpersistentbindmountsdir,
            ),
        ];
        if let Some((key, _)) = host.iter().find(|(_, path)| !path.is_absolute()) {
            return wrong(key, "must be an absolute path");
        }
        let guest = [
            (
                "Actions.GuestEphemeralBindMountPath",
                &actions.guestephemeralbindmountpath,
            ),
            (
                "Actions.GuestPersistentBindMountsDir",
                &actions.guestpersistentbindmountsdir,
            ),
        ];
        if let Some((key, _)) = guest.iter().find(|(_, path)| !path.starts_with('/')) {
            return wrong(key, "must be an absolute path");
        }
        Ok(config)
    }
}

/// The same with keys of all objects in lower case; deeper than any configuration is, nothing is
/// changed.
fn lower_case(value: Value, depth: usize) -> Value {
    match value {
        Value::Object(object) if depth < 4 => Value::Object(
            object
                .into_iter()
                .map(|(key, value)| (key.to_ascii_lowercase(), lower_case(value, depth + 1)))
                .filter(|(_, value)| !value.is_null())
                .collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STOCK: &[u8] = include_bytes!("../tests/fixtures/cpi.json");

    #[test]
    fn the_stock_file_is_taken_as_it_is() {
        let config = Config::parse(STOCK).unwrap();
        assert_eq!(config.warden.connectnetwork, "unix");
        assert_eq!(config.actions.agent.mbus, "nats://10.254.50.4:4222");
        assert_eq!(
            config.actions.guestpersistentbindmountsdir,
            "/warden-cpi-dev"
        );
        assert_eq!(
            config.actions.disksdir,
            PathBuf::from("/var/vcap/store/warden_cpi/disks")
        );
        assert!(!config.start_containers_with_systemd);
    }

    #[test]
    fn keys_have_any_case_and_defaults() {
        let config =
            Config::parse(br#"{"ACTIONS":{"agent":{"MBUS":"nats://x","ntp":null}}}"#).unwrap();
        assert_eq!(config.warden.connectaddress, "127.0.0.1:7777");
        assert_eq!(config.actions.diskkind, DiskKind::Auto);
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (text, expected) in [
            (
                r#"{"Actions":{}}"#,
                "configuration: Actions.Agent.Mbus must be given",
            ),
            (
                r#"{"Warden":{"ConnectNetwork":"udp"}}"#,
                "configuration: Warden.ConnectNetwork must be tcp or unix",
            ),
            (
                r#"{"Actions":{"DisksDir":"x","Agent":{"Mbus":"m"}}}"#,
                "configuration: Actions.DisksDir must be an absolute path",
            ),
            ("[", "cannot understand the configuration"),
        ] {
            assert_eq!(
                Config::parse(text.as_bytes()).unwrap_err().to_string(),
                expected
            );
        }
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = Config::parse(&bytes);
        }
    }
}
