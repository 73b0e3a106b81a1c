//! The records of `sync_dns`: the hosts file made of them, and the rows that a name server reads.

mod rows;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warren_lib_gojson::{JsonError, decode};

pub use rows::{Definition, Row};

/// The body of the blob that `sync_dns` names; also `instance/dns/records.json`, where the bytes
/// are kept as they came.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Records {
    /// Counts up with every change.
    pub version: u64,
    /// Address and name.
    pub records: Vec<Vec<String>>,
    /// Names of the columns of `record_infos`.
    pub record_keys: Vec<String>,
    /// One row for each instance and network.
    pub record_infos: Vec<Value>,
    /// Other names for queries.
    pub aliases: Value,
}

/// Records that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Not JSON of this shape.
    #[error("the DNS records cannot be read")]
    Json(#[from] JsonError),
    /// A record that is not an address and a name.
    #[error("DNS record number {0} is not an address and a name")]
    Record(usize),
    /// An address or a name that would break the hosts file.
    #[error("DNS record number {0} holds characters that no address and no name has")]
    Characters(usize),
    /// A body of another version than was announced.
    #[error("version from unpacked dns blob does not match version supplied by director")]
    Version,
}

impl Records {
    /// Reads the blob.
    ///
    /// # Errors
    ///
    /// [`RecordsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordsError> {
        let records: Self = decode(bytes)?;
        for (at, record) in records.records.iter().enumerate() {
            let [address, name] = &record[..] else {
                return Err(RecordsError::Record(at));
            };
            let plain = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && byte != b'#')
            };
            if !plain(address) || !plain(name) {
                return Err(RecordsError::Characters(at));
            }
        }
        Ok(records)
    }

    /// `/etc/hosts` with these records after those that every host has.
    #[must_use]
    pub fn hosts_file(&self, host_name: &str) -> String {
        let mut text = default_hosts(host_name);
        for record in &self.records {
            if let [address, name] = &record[..] {
                text.push_str(&format!("{address} {name}\n"));
            }
        }
        text
    }
}

/// `/etc/hosts` before there are records.
#[must_use]
pub fn default_hosts(host_name: &str) -> String {
    format!(
        "127.0.0.1 localhost {host_name}\n\
         \n\
         # The following lines are desirable for IPv6 capable hosts\n\
         ::1 localhost ip6-localhost ip6-loopback {host_name}\n\
         fe00::0 ip6-localnet\n\
         ff00::0 ip6-mcastprefix\n\
         ff02::1 ip6-allnodes\n\
         ff02::2 ip6-allrouters\n\
         ff02::3 ip6-allhosts\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{Records, RecordsError};
    use proptest::prelude::*;

    #[test]
    fn records_become_hosts() {
        let text =
            br#"{"Version":7,"records":[["10.0.0.4","a.web.default.dep.bosh"]],"aliases":{}}"#;
        let records = Records::parse(text).unwrap();
        assert_eq!(records.version, 7);
        let hosts = records.hosts_file("agent-1");
        assert!(hosts.starts_with("127.0.0.1 localhost agent-1\n"));
        assert!(hosts.ends_with("10.0.0.4 a.web.default.dep.bosh\n"));
    }

    #[test]
    fn a_record_cannot_write_lines_of_its_own() {
        let text = br#"{"records":[["10.0.0.4","a\n6.6.6.6 b"]]}"#;
        assert!(matches!(
            Records::parse(text),
            Err(RecordsError::Characters(0))
        ));
        assert!(matches!(
            Records::parse(br#"{"records":[["x"]]}"#),
            Err(RecordsError::Record(0))
        ));
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = Records::parse(&bytes);
        }
    }
}
