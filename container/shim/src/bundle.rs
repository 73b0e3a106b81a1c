//! The OCI bundle: `config.json`, made by the server's side and carried out by the shim's.

use std::path::Path;
use std::sync::OnceLock;

use warren_container_runtime::bundle;
use warren_container_runtime::host::{Host, HostError};
use warren_container_runtime::oci::Spec;

use crate::depot::Error;
use crate::spec::ContainerSpec;

const CONFIG: &str = "config.json";

/// What the machine allows, once it has been asked. Asking makes a mount and takes it down again.
#[derive(Debug, Default)]
pub(crate) struct Facts(OnceLock<Host>);

impl Facts {
    fn host(&self) -> Result<Host, HostError> {
        if let Some(host) = self.0.get() {
            return Ok(host.as_of_now());
        }
        let host = Host::discover()?;
        // Somebody else may have been first, with the same.
        Ok(self.0.get_or_init(|| host).clone())
    }
}

/// Makes the bundle of what is wanted.
pub(crate) fn write(facts: &Facts, spec: &ContainerSpec, directory: &Path) -> Result<(), Error> {
    let host = facts.host().map_err(|source| Error::Bundle {
        handle: spec.handle.clone(),
        source: Box::new(source),
    })?;
    let path = directory.join(CONFIG);
    // It has the environment in it.
    crate::files::replace(&path, &bundle::build(spec, &host), 0o600)
        .map_err(Error::io("write", path))
}

/// Reads it again.
pub(crate) fn read(directory: &Path) -> std::io::Result<Spec> {
    Ok(serde_json::from_slice(&std::fs::read(
        directory.join(CONFIG),
    )?)?)
}
