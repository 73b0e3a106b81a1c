//! `settings.json`, which a CPI writes, and `update_settings.json`, which a director sends.
//!
//! What both say is decided by [`Effective`]: the director's word goes before the CPI's
//! environment, and that before the top level.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warren_lib_gojson::{JsonError, decode};

use crate::secret::Secret;

/// An agent's settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The agent's id; also its host name and its identity on the bus.
    pub agent_id: String,
    /// The VM.
    pub vm: Vm,
    /// URL of the bus.
    pub mbus: Secret,
    /// The blobstore, where neither the environment nor the director names one.
    pub blobstore: Blobstore,
    /// Time servers, where the environment names none.
    pub ntp: Vec<String>,
    /// Networks by name.
    pub networks: BTreeMap<String, Network>,
    /// Disks.
    pub disks: Disks,
    /// What the director passed through the CPI.
    pub env: Env,
}

/// The VM as its cloud names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vm {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// A blobstore.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Blobstore {
    /// `local`, `dav`, or what an executable `bosh-blobstore-<provider>` understands.
    #[serde(alias = "type")]
    pub provider: String,
    /// The provider's own.
    pub options: Map<String, Value>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// `manual`, `dynamic` or `vip`.
    pub r#type: String,
    /// Address.
    pub ip: String,
    /// Its network's mask.
    pub netmask: String,
    /// The way out.
    pub gateway: String,
    /// Length of the network's prefix.
    pub prefix: String,
    /// Name servers.
    pub dns: Vec<String>,
    /// What this network is the default for: `dns`, `gateway`.
    pub default: Vec<String>,
    /// Hardware address of the interface.
    pub mac: String,
    /// Name of an alias interface.
    pub alias: String,
    /// The CPI has configured it already.
    pub preconfigured: bool,
}

/// Disks as the CPI attached them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Disks {
    /// Where the system is.
    pub system: Value,
    /// Where `/var/vcap/data` is.
    pub ephemeral: Value,
    /// Hints of persistent disks, by cloud id.
    pub persistent: Map<String, Value>,
    /// Disks that are left as they are.
    pub raw_ephemeral: Vec<Value>,
}

/// What the director passed through the CPI.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Env {
    /// For the agent.
    pub bosh: BoshEnv,
    /// `ext4` (where empty) or `xfs`.
    pub persistent_disk_fs: String,
    /// Options for mounting it.
    pub persistent_disk_mount_options: Vec<String>,
    /// `parted` or `sfdisk`.
    pub persistent_disk_partitioner: String,
}

/// The part of the environment that is for the agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BoshEnv {
    /// Hash of the password of `vcap` and `root`.
    pub password: Secret,
    /// Leave root's password.
    pub keep_root_password: bool,
    /// Keys that may log in as `vcap`.
    pub authorized_keys: Vec<String>,
    /// MiB of swap.
    pub swap_size: Option<u64>,
    /// How many blobs are fetched at once.
    pub parallel: Option<u64>,
    /// The bus.
    pub mbus: Mbus,
    /// Blobstores, of which the first is used.
    pub blobstores: Vec<Blobstore>,
    /// Time servers.
    pub ntp: Vec<String>,
    /// Directory of rendered jobs.
    pub job_dir: TmpfsOptions,
    /// Directory of pid files.
    pub run_dir: TmpfsOptions,
    /// About the agent.
    pub agent: AgentEnv,
    /// Remove compilers.
    pub remove_dev_tools: bool,
    /// Remove static libraries.
    pub remove_static_libraries: bool,
    /// IPv6.
    pub ipv6: Ipv6,
    /// For resurrection and the like; not used here.
    pub group: String,
}

/// About the agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentEnv {
    /// Where settings are kept.
    pub settings: TmpfsOptions,
}

/// IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipv6 {
    /// Switch it on.
    pub enable: bool,
}

/// A directory that may be in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsOptions {
    /// Put it there.
    pub tmpfs: bool,
    /// How large, such as `16m`.
    pub tmpfs_size: String,
}

/// The bus: where, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mbus {
    /// Who we are, and whom we believe.
    pub cert: CertKeyPair,
    /// Servers of the bus.
    pub urls: Option<Vec<Secret>>,
}

/// A certificate with its key, all in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CertKeyPair {
    /// Authority of the other side.
    pub ca: String,
    /// The key.
    pub private_key: Secret,
    /// The certificate.
    pub certificate: String,
}

/// The argument of `update_settings`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateSettings {
    /// Blobstores; none keeps those of the settings.
    pub blobstores: Option<Vec<Blobstore>>,
    /// Names of disks.
    pub disk_associations: Vec<DiskAssociation>,
    /// The bus.
    pub mbus: Mbus,
    /// Certificates to trust, in PEM, one after the other.
    pub trusted_certs: String,
}

/// A disk's name within the instance.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskAssociation {
    /// The name.
    pub name: String,
    /// The disk's cloud id.
    pub cid: String,
}

impl Settings {
    /// Reads settings.
    ///
    /// # Errors
    ///
    /// [`JsonError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        decode(bytes)
    }

    /// Addresses of all networks, virtual ones last.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let (mut own, mut virtual_ones) = (Vec::new(), Vec::new());
        for network in self
            .networks
            .values()
            .filter(|network| !network.ip.is_empty())
        {
            let list = if network.r#type == "vip" {
                &mut virtual_ones
            } else {
                &mut own
            };
            list.push(network.ip.clone());
        }
        own.append(&mut virtual_ones);
        own
    }

    /// The address of the network that is the default for the gateway, else the first.
    #[must_use]
    pub fn default_ip(&self) -> Option<String> {
        let is_default = |network: &&Network| {
            !network.ip.is_empty() && network.default.iter().any(|what| what == "gateway")
        };
        let found = self.networks.values().find(is_default);
        found
            .map(|network| network.ip.clone())
            .or_else(|| self.addresses().into_iter().next())
    }

    /// Name servers: those of the network that is the default for them, else of the first that has
    /// any.
    #[must_use]
    pub fn name_servers(&self) -> &[String] {
        let is_default = |network: &&Network| network.default.iter().any(|what| what == "dns");
        let found = self.networks.values().find(is_default);
        let found = found.or_else(|| self.networks.values().find(|one| !one.dns.is_empty()));
        found.map_or(&[], |network| &network.dns)
    }
}

impl UpdateSettings {
    /// Reads an update.
    ///
    /// # Errors
    ///
    /// [`JsonError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        decode(bytes)
    }
}

/// What settings and update say together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    /// Servers of the bus.
    pub urls: Vec<Secret>,
    /// Who we are on it.
    pub cert: CertKeyPair,
}

/// The bus that is in force.
#[must_use]
pub fn effective_mbus(settings: &Settings, update: &UpdateSettings) -> Effective {
    let given = |mbus: &Mbus| mbus.urls.clone().filter(|urls| !urls.is_empty());
    let urls = given(&update.mbus)
        .or_else(|| given(&settings.env.bosh.mbus))
        .unwrap_or_else(|| vec![settings.mbus.clone()]);
    let cert = if update.mbus.cert.ca.is_empty() {
        settings.env.bosh.mbus.cert.clone()
    } else {
        update.mbus.cert.clone()
    };
    let urls = urls.into_iter().filter(|url| !url.is_empty()).collect();
    Effective { urls, cert }
}

/// The blobstore that is in force; one without a provider is none.
#[must_use]
pub fn effective_blobstore<'a>(
    settings: &'a Settings,
    update: &'a UpdateSettings,
) -> &'a Blobstore {
    let first = update.blobstores.as_deref().and_then(<[_]>::first);
    first
        .or_else(|| settings.env.bosh.blobstores.first())
        .unwrap_or(&settings.blobstore)
}

#[cfg(test)]
mod tests {
    use super::{Settings, UpdateSettings, effective_blobstore, effective_mbus};
    use proptest::prelude::*;

    const SETTINGS: &[u8] = include_bytes!("../tests/fixtures/settings.json");

    #[test]
    fn settings_of_a_warden_vm() {
        let settings = Settings::parse(SETTINGS).unwrap();
        assert_eq!(settings.agent_id, "c5e4accb-16ad-4635-8b28-1d8c385adf9e");
        assert_eq!(settings.default_ip().unwrap(), "10.244.0.2");
        assert_eq!(settings.name_servers(), ["10.255.255.53"]);
        assert!(settings.networks["default"].preconfigured);
        let update = UpdateSettings::default();
        let mbus = effective_mbus(&settings, &update);
        assert_eq!(mbus.urls[0].0, "nats://10.254.50.4:4222");
        assert_eq!(mbus.cert.certificate, "<certificate>");
        assert_eq!(effective_blobstore(&settings, &update).provider, "dav");
        assert!(!format!("{settings:?}").contains("<private key>"));
    }

    #[test]
    fn the_directors_word_goes_first() {
        let settings = Settings::parse(SETTINGS).unwrap();
        let update = UpdateSettings::parse(
            br#"{"mbus":{"cert":{"ca":"c","certificate":"new"},"urls":["nats://b:1"]},
                "blobstores":[{"provider":"local"}]}"#,
        )
        .unwrap();
        let mbus = effective_mbus(&settings, &update);
        assert_eq!(mbus.urls[0].0, "nats://b:1");
        assert_eq!(mbus.cert.certificate, "new");
        assert_eq!(effective_blobstore(&settings, &update).provider, "local");
        let empty = UpdateSettings::parse(
            br#"{"blobstores":null,"disk_associations":[],"mbus":{"cert":{"ca":""},"urls":null}}"#,
        )
        .unwrap();
        assert_eq!(
            effective_mbus(&settings, &empty).urls[0].0,
            "nats://10.254.50.4:4222"
        );
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = Settings::parse(&bytes);
            let _ = UpdateSettings::parse(&bytes);
        }
    }
}
