//! A real registry on the neighbour of the machine, with TLS and an image of busybox in it.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tempfile::TempDir;
use warren_container_rootfs::layer::Digest;
use warren_tests_conformance::garden::Server;
use warren_tests_harness::{Actor, ActorBuilder};

use crate::tower::PATIENCE;

/// As images' names begin.
pub const REGISTRY: &str = "192.0.2.2:5000";
/// The image's name.
pub const IMAGE: &str = "docker://192.0.2.2:5000/test/busybox:1";
/// Where a container looks for certificates.
pub const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The registry; gone with the value.
pub struct Registry {
    actor: Actor,
    pid: String,
    directory: TempDir,
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.actor.run(&["kill", "-KILL", &self.pid]);
    }
}

impl Registry {
    /// Starts it beside the server's machine, and pushes the image.
    #[track_caller]
    pub fn start(server: &Server) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        certificate(at);
        let config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {0}/data}}}}\n\
             http: {{addr: '{REGISTRY}', secret: test, \
             tls: {{certificate: {0}/ca.pem, key: {0}/key.pem}}}}\n",
            at.display()
        );
        std::fs::write(at.join("config.yml"), config).unwrap();
        let actor = ActorBuilder::new().join_net(server.neighbour()).spawn();
        let serve = format!(
            "command -v docker-registry skopeo >/dev/null || {{ echo 'apt-get install docker-registry \
             skopeo' >&2; exit 1; }}\n\
             docker-registry serve {0}/config.yml >{0}/log 2>&1 </dev/null & echo $!",
            at.display()
        );
        let started = actor.run(&["sh", "-c", &serve]).success();
        layout(&at.join("image"), &server.rootfs.path());
        let from = format!("oci:{}:1", at.join("image").display());
        let push = [
            "skopeo",
            "--insecure-policy",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            &from,
            IMAGE,
        ];
        let deadline = Instant::now() + PATIENCE;
        loop {
            // It takes a moment to listen.
            let pushed = actor.run(&push);
            if pushed.code == 0 {
                break;
            }
            let log = || std::fs::read_to_string(at.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "{pushed:#?}\n{}", log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Self {
            pid: started.stdout.trim().to_owned(),
            actor,
            directory,
        }
    }

    /// Its certificate.
    pub fn certificate(&self) -> std::path::PathBuf {
        self.directory.path().join("ca.pem")
    }
}

/// A certificate for the registry's address, and its key.
#[track_caller]
fn certificate(at: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=test"])
        .args(["-addext", "subjectAltName=IP:192.0.2.2"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(at.join("key.pem"))
        .arg("-out")
        .arg(at.join("ca.pem"))
        .output()
        .unwrap_or_else(|error| panic!("apt-get install openssl: {error}"));
    assert!(made.status.success(), "{made:?}");
}

/// An image layout with one layer that is not compressed.
fn layout(directory: &Path, tar: &Path) {
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8], kind: &str| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        let digest = format!("sha256:{}", digest.hex());
        serde_json::json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    };
    let kind = |name: &str| format!("application/vnd.oci.image.{name}");
    let layer = put(&std::fs::read(tar).unwrap(), &kind("layer.v1.tar"));
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin:/sbin", "FROM_REGISTRY=yes"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    });
    let config = put(config.to_string().as_bytes(), &kind("config.v1+json"));
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": kind("manifest.v1+json"),
        "config": config,
        "layers": [layer],
    });
    let mut manifest = put(manifest.to_string().as_bytes(), &kind("manifest.v1+json"));
    manifest["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "1"});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [manifest]});
    std::fs::write(directory.join("index.json"), index.to_string()).unwrap();
    let version = r#"{"imageLayoutVersion": "1.0.0"}"#;
    std::fs::write(directory.join("oci-layout"), version).unwrap();
}
