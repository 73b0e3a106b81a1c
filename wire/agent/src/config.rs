//! `agent.json`: the stemcell's own configuration of its agent, given with `-C`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warren_lib_gojson::{JsonError, decode};

/// The whole file; keys are Go's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentConfig {
    /// The platform.
    pub platform: Platform,
    /// Where settings come from.
    pub infrastructure: Infrastructure,
}

/// The platform.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Platform {
    /// Options of Linux.
    pub linux: LinuxOptions,
}

/// What of Linux is to be done otherwise. Options not listed here are read and have no effect.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LinuxOptions {
    /// Leave `/tmp` as it is.
    pub use_default_tmp_dir: bool,
    /// Persistent disks are formatted already.
    pub use_preformatted_persistent_disk: bool,
    /// Persistent disks are directories, to be bound.
    pub bind_mount_persistent_disk: bool,
    /// There is no ephemeral disk to partition.
    pub skip_disk_setup: bool,
    /// Let the stemcell's own rules guard monit.
    pub use_monit_iptables_firewall: bool,
}

/// Where settings come from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Infrastructure {
    /// The sources.
    pub settings: SettingsOptions,
}

/// The sources of settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SettingsOptions {
    /// In order; the first that gives settings wins.
    pub sources: Vec<Source>,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Source {
    /// `File`, `HTTP`, `InstanceMetadata`, `ConfigDrive`, `CDROM`, `VsphereGuestInfo`.
    pub r#type: String,
    /// Of `File`: the path.
    pub settings_path: String,
    /// Of others; not read.
    pub options: Value,
}

impl AgentConfig {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`JsonError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::AgentConfig;

    #[test]
    fn the_file_of_a_warden_stemcell() {
        let text = br#"{"Platform":{"Linux":{"UseDefaultTmpDir":true,
            "BindMountPersistentDisk":true,"SkipDiskSetup":true}},
            "Infrastructure":{"Settings":{"Sources":[{"Type":"File",
            "SettingsPath":"/var/vcap/bosh/warden-cpi-agent-env.json"}]}}}"#;
        let config = AgentConfig::parse(text).unwrap();
        assert!(config.platform.linux.bind_mount_persistent_disk);
        let source = &config.infrastructure.settings.sources[0];
        assert_eq!(source.r#type, "File");
        assert_eq!(
            source.settings_path,
            "/var/vcap/bosh/warden-cpi-agent-env.json"
        );
    }
}
