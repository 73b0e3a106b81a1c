//! Flags that several verbs have: which store, which registries.

use std::path::{Path, PathBuf};

use warren_container_rootfs::store::{Options, Store, USUAL};
use warren_registry::{CERTIFICATES, Credentials, Settings};

use crate::failure::Failure;
use crate::output::Display;

/// Holds a registry's password, so that it is in no list of processes.
const PASSWORD: &str = "WARREN_REGISTRY_PASSWORD";

/// Whose the images are that are made by hand: a Garden server with the same store leaves them alone.
const OWNER: &str = "warren rootfs";

/// Which store.
#[derive(clap::Args, Debug)]
pub struct StoreArguments {
    /// The store's directory, made if there is none; by default that of this machine's Garden server
    #[arg(long, value_name = "DIR", default_value = USUAL)]
    pub store: PathBuf,

    /// A directory on another file system, for writable layers that the store's own cannot hold
    #[arg(long, value_name = "DIR")]
    pub upper_dir: Vec<PathBuf>,
}

impl StoreArguments {
    /// Opens it, making it if need be.
    pub fn open(&self) -> Result<Store, Failure> {
        self.open_at(&self.store)
    }

    /// As [`open`](Self::open), in another place.
    pub fn open_at(&self, root: &Path) -> Result<Store, Failure> {
        let options = Options {
            alternatives: self.upper_dir.clone(),
            owner: OWNER.to_owned(),
            ..Options::default()
        };
        Ok(Store::open(root, &options)?)
    }
}

/// Which registries, and who asks.
#[derive(clap::Args, Debug)]
pub struct RegistryArguments {
    /// A registry that need not be encrypted or have a valid certificate, exactly as in the name
    #[arg(long, value_name = "HOST[:PORT]")]
    insecure_registry: Vec<String>,

    /// Stands in for Docker Hub where a name has no registry
    #[arg(long, value_name = "HOST[:PORT]")]
    docker_registry: Option<String>,

    /// Is asked before Docker Hub, or what stands in for it
    #[arg(long, value_name = "HOST[:PORT]")]
    registry_mirror: Vec<String>,

    /// A file with certificates (PEM) to trust beside the system's
    #[arg(long, value_name = "FILE")]
    registry_ca: Vec<PathBuf>,

    /// Has a directory HOST:PORT (or HOST) for each registry with certificates of its own: *.crt to trust,
    /// NAME.cert and NAME.key to show
    #[arg(long, value_name = "DIR", default_value = CERTIFICATES)]
    registry_certs: PathBuf,

    /// The name to give the registry; the password is taken from WARREN_REGISTRY_PASSWORD
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// Tell on standard error how far a pull is that takes longer than a second, even if that is no
    /// terminal
    #[arg(long)]
    progress: bool,
}

impl RegistryArguments {
    /// As the puller takes them.
    pub fn settings(&self) -> Settings {
        Settings {
            default_registry: self.docker_registry.clone(),
            mirrors: self.registry_mirror.clone(),
            insecure: self.insecure_registry.clone(),
            trusted: self.registry_ca.clone(),
            certificates: self.registry_certs.clone(),
            ..Settings::default()
        }
    }

    /// How a pull is shown.
    pub fn display(&self) -> Display {
        Display::find(self.progress)
    }

    /// Name and password, if there is a name.
    pub fn credentials(&self) -> Result<Option<Credentials>, Failure> {
        let Some(username) = &self.username else {
            return Ok(None);
        };
        match std::env::var(PASSWORD) {
            Ok(password) => Ok(Some(Credentials::new(username, password))),
            Err(_) => Err(Failure::text(format!(
                "reading the password of {username}: {PASSWORD} is not set"
            ))
            .remedy(format!("{PASSWORD}=... warren rootfs ..."))),
        }
    }
}

/// What to do about an image that could not be had.
pub fn pull_failure(step: &str, error: &warren_registry::Error) -> Failure {
    use warren_registry::Error;
    let text = warren_lib_errchain::chain(error);
    let failure = Failure::text(format!("{step}: {text}"));
    match error {
        Error::Insecure {
            registry,
            trusted: 0,
            ..
        } => failure.remedy(format!(
            "install ca-certificates or give --registry-ca FILE; --insecure-registry {registry} \
             does without"
        )),
        Error::Insecure { registry, .. } => failure.remedy(format!(
            "give --registry-ca FILE if it has a certificate of your own; --insecure-registry \
             {registry} does without"
        )),
        Error::Unauthorized { .. } => {
            failure.remedy(format!("correct --username NAME and {PASSWORD}"))
        }
        Error::NotFound { .. } => failure.remedy(format!(
            "correct the name; if it is not public, give --username NAME and {PASSWORD}"
        )),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use warren_container_rootfs::store::USUAL;
    use warren_garden_server::Config;
    use warren_wire_garden::config::Settings;

    #[test]
    fn what_is_put_into_the_store_is_found_by_the_server() {
        let mut settings = Settings::default();
        settings.set("bind-socket", "/s").unwrap();
        let config = Config::from_settings(&settings).unwrap();
        assert_eq!(config.store, std::path::Path::new(USUAL));
    }
}
