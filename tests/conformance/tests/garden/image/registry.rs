//! A real registry in the server's network that wants to know its clients: by certificate and by
//! password.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use warren_tests_conformance::garden::{Certificates, Server};
use warren_tests_harness::{Background, Output};

/// As images' names begin.
pub const REGISTRY: &str = "127.0.0.1:5000";
/// Who may pull.
pub const USER: &str = "me";
/// The user's password.
pub const PASSWORD: &str = "s3cret";
/// The same (bcrypt).
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";

/// A directory of certificates as Docker has it: for a server's `--registry-certs`.
pub fn docker_certificates() -> Certificates {
    let certificates = Certificates::new();
    certificates.sign("registry", "ca");
    certificates.sign("client", "ca");
    let own = certs(&certificates).join(REGISTRY);
    std::fs::create_dir_all(&own).unwrap();
    for (from, to) in [
        ("ca.pem", "ca.crt"),
        ("client.pem", "client.cert"),
        ("client.key", "client.key"),
    ] {
        std::fs::copy(certificates.at(from), own.join(to)).unwrap();
    }
    certificates
}

/// The directory itself.
pub fn certs(certificates: &Certificates) -> PathBuf {
    certificates.at("certs.d")
}

/// The registry; gone with the value.
pub struct Registry<'a> {
    server: &'a Server,
    certificates: &'a Certificates,
    _process: Background<'a>,
}

impl<'a> Registry<'a> {
    /// Starts it.
    #[track_caller]
    pub fn start(server: &'a Server, certificates: &'a Certificates) -> Self {
        let at = certificates.directory().display();
        std::fs::write(certificates.at("htpasswd"), HTPASSWD).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: error}}\n\
             storage: {{filesystem: {{rootdirectory: {at}/images}}}}\n\
             auth: {{htpasswd: {{realm: test, path: {at}/htpasswd}}}}\n\
             http:\n  addr: '{REGISTRY}'\n  secret: test\n  tls:\n    \
             certificate: {at}/registry.pem\n    key: {at}/registry.key\n    \
             clientcas: [{at}/ca.pem]\n"
        );
        std::fs::write(certificates.at("registry.yml"), config).unwrap();
        let path = certificates.at("registry.yml").display().to_string();
        // Needs Debian's docker-registry and skopeo.
        let process = server.actor().start(&["docker-registry", "serve", &path]);
        Self {
            server,
            certificates,
            _process: process,
        }
    }

    /// Pushes an image layout to `name`, such as `app:1`.
    #[track_caller]
    pub fn push(&self, layout: &Path, name: &str) {
        let own = certs(self.certificates).join(REGISTRY);
        let (own, credentials) = (own.display().to_string(), format!("{USER}:{PASSWORD}"));
        let from = format!("oci:{}:1", layout.display());
        let to = format!("docker://{REGISTRY}/{name}");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let pushed = self.server.actor().run(&[
                "skopeo",
                "--insecure-policy",
                "copy",
                "--quiet",
                "--preserve-digests",
                "--dest-cert-dir",
                &own,
                "--dest-creds",
                &credentials,
                &from,
                &to,
            ]);
            // It takes a moment to listen.
            match pushed {
                Output { code: 0, .. } => return,
                other => assert!(Instant::now() < deadline, "{other:?}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
