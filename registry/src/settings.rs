//! What a pull needs to be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use warren_container_rootfs::source::Platform;

/// Where Docker has the certificates of registries.
pub const CERTIFICATES: &str = "/etc/docker/certs.d";

/// The registry of names without one.
pub(crate) const DOCKER_HUB: &str = "registry-1.docker.io";

/// Name and password for a registry. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    /// A user's name and password or token.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
        }
    }

    /// The value of an `Authorization` header. Source: RFC 7617.
    pub(crate) fn basic(&self) -> String {
        use base64::Engine;
        let both = format!("{}:{}", self.username, self.password);
        let encoded = base64::engine::general_purpose::STANDARD.encode(both);
        format!("Basic {encoded}")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// How images are found.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which image of an index.
    pub platform: Platform,
    /// Stands in for Docker Hub, as `host[:port]`, where a name has no registry.
    pub default_registry: Option<String>,
    /// Asked before Docker Hub or what stands in for it, as `host[:port]`, in this order.
    pub mirrors: Vec<String>,
    /// Registries, exactly as `host[:port]`, whose certificate need not be valid and that may be
    /// without encryption.
    pub insecure: Vec<String>,
    /// Files with certificates (PEM) to trust beside those of the system.
    pub trusted: Vec<PathBuf>,
    /// Has a directory `HOST[:PORT]` with the certificates of each registry that has its own:
    /// `*.crt` to trust, `NAME.cert` and `NAME.key` to show. An empty path is no directory.
    pub certificates: PathBuf,
    /// The same for the layers that image layouts and preloaded images have elsewhere: these files
    /// themselves, whatever the address. An empty path is none.
    pub layer_certificates: PathBuf,
    /// How long connecting may take.
    pub connect: Duration,
    /// How often is tried what may well succeed in a moment; at least once.
    pub tries: u32,
    /// Take layers of image layouts and preloaded images for what they are, whatever digest is
    /// told. Layers of registries are always checked.
    pub skip_layer_validation: bool,
}

impl Default for Settings {
    /// Docker Hub, no mirrors, nothing insecure, this program's own platform, Docker's directory of
    /// certificates.
    fn default() -> Self {
        Self {
            platform: Platform::own(),
            default_registry: None,
            mirrors: Vec::new(),
            insecure: Vec::new(),
            trusted: Vec::new(),
            certificates: CERTIFICATES.into(),
            layer_certificates: PathBuf::new(),
            connect: Duration::from_secs(15),
            tries: 3,
            skip_layer_validation: false,
        }
    }
}

impl Settings {
    /// Whether this `host[:port]` may be insecure.
    pub(crate) fn is_insecure(&self, registry: &str) -> bool {
        self.insecure.iter().any(|one| bare(one) == registry)
    }
}

/// `host[:port]` of what may have been given as a URL.
pub(crate) fn bare(registry: &str) -> &str {
    let rest = registry
        .split_once("://")
        .map_or(registry, |(_, rest)| rest);
    rest.trim_end_matches('/')
}
