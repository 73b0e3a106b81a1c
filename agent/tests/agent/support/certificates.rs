//! An authority and what it has signed, and a stranger that it has not, made once for all tests by Ruby: RSA
//! keys, subjects as a director makes them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};
use warren_wire_agent::settings::CertKeyPair;

/// The id of the agent in all tests.
pub const AGENT: &str = "agent-1";

pub struct Certificates {
    directory: PathBuf,
    /// It is ours for as long as this process lives.
    _lock: File,
}

/// Who is not of the authority.
pub const STRANGER: &str = "stranger";

/// The common names that tests use.
const NAMES: [&str; 7] = [
    "default.nats.bosh-internal",
    "impostor.bosh-internal",
    "default.director.bosh-internal",
    "agent-1.bootstrap.agent.bosh-internal",
    "agent-1.agent.bosh-internal",
    "agent-9.agent.bosh-internal",
    STRANGER,
];

pub fn certificates() -> &'static Certificates {
    static ALL: OnceLock<Certificates> = OnceLock::new();
    ALL.get_or_init(|| {
        let (directory, lock) = place();
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
        Certificates {
            directory,
            _lock: lock,
        }
    })
}

/// A directory that the next process may have, since nothing would remove what lives as long as this one; but
/// not one that is there at the same time, as what happens in a whole VM is one.
fn place() -> (PathBuf, File) {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let taken = |number: u32| {
        let lock = File::create(all.join(format!("certificates-{number}.lock"))).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some((all.join(format!("certificates-{number}")), lock))
    };
    (0..).find_map(taken).unwrap()
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
