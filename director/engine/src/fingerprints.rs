//! What the director's own configuration has told a machine, as digests in its row: certificates to trust,
//! blobstores, the authority of the bus. A machine whose digest is another is told again
//! (`update_settings`); one whose row has none was made before rows had them, and is taken as it is until it
//! is updated for another reason. Source: reference of the deploy engine, section 14.

use serde_json::Value;
use sha1::{Digest, Sha1};
use warren_director_store::vms::Vm;

use crate::config::Config;
use crate::signed;

/// SHA-1 in hex of each; `None` for what the director does not configure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprints {
    /// Of the certificates that every machine trusts.
    pub certs: String,
    /// Of the blobstores.
    pub blobstores: Option<String>,
    /// Of the authorities of the bus.
    pub nats: Option<String>,
}

impl Fingerprints {
    /// Those of a configuration, for a machine of a stemcell of this API version.
    pub fn of(config: &Config, api_version: Option<i64>) -> Self {
        let blobstores = signed::blobstores(config, api_version);
        Self {
            certs: hex(&config.trusted_certs),
            blobstores: blobstores.as_ref().map(of_blobstores),
            nats: config
                .nats
                .as_ref()
                .map(|nats| hex(&format!("{}\n{}", nats.server_ca, nats.client_ca))),
        }
    }

    /// Remembers that a machine knows what its environment told it when it was made.
    pub fn set_made(self, vm: &mut Vm) {
        vm.blobstore_config_sha1 = self.blobstores;
        vm.nats_config_sha1 = self.nats;
    }

    /// Remembers that a machine knows all of it; the answer is whether that is news.
    pub fn set_all(self, vm: &mut Vm) -> bool {
        let before = vm.clone();
        vm.trusted_certs_sha1 = Some(self.certs.clone());
        self.set_made(vm);
        *vm != before
    }
}

/// SHA-1 in hex of a list of blobstores.
pub fn of_blobstores(list: &Value) -> String {
    hex(&warren_director_plan::json::sorted(list).to_string())
}

/// Whether what a row says is another.
pub fn differs(row: Option<&String>, now: Option<&String>) -> bool {
    row.is_some_and(|row| now.is_some_and(|now| row != now))
}

fn hex(text: &str) -> String {
    let digest = Sha1::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
