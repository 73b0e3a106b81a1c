//! An authority and what it has signed, made once for all tests by Ruby: RSA keys, subjects as a
//! director makes them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use warren_wire_agent::settings::CertKeyPair;

/// The id of the agent in all tests.
pub const AGENT: &str = "agent-1";

pub struct Certificates {
    directory: PathBuf,
}

/// The common names that tests use.
const NAMES: [&str; 6] = [
    "default.nats.bosh-internal",
    "impostor.bosh-internal",
    "default.director.bosh-internal",
    "agent-1.bootstrap.agent.bosh-internal",
    "agent-1.agent.bosh-internal",
    "agent-9.agent.bosh-internal",
];

pub fn certificates() -> &'static Certificates {
    static ALL: OnceLock<Certificates> = OnceLock::new();
    ALL.get_or_init(|| {
        // Nothing would remove what lives as long as the process.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("certificates");
        if directory.exists() {
            std::fs::remove_dir_all(&directory).unwrap();
        }
        std::fs::create_dir(&directory).unwrap();
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/agent/support/certificates.rb"
        );
        let output = Command::new("ruby")
            .arg(script)
            .arg(&directory)
            .args(NAMES)
            .output()
            .expect("ruby: apt-get install ruby");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Certificates { directory }
    })
}

impl Certificates {
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn pair(&self, name: &str) -> CertKeyPair {
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        CertKeyPair {
            ca: read(&self.path("ca.crt")),
            private_key: (&*read(&self.path(&format!("{name}.key")))).into(),
            certificate: read(&self.path(&format!("{name}.crt"))),
        }
    }
}

pub fn bootstrap_name() -> String {
    warren_wire_agent::subject::common_name(AGENT, true)
}

pub fn permanent_name() -> String {
    warren_wire_agent::subject::common_name(AGENT, false)
}
