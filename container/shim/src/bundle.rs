//! The OCI bundle: `config.json`, made by the server's side and carried out by the shim's.

use std::path::Path;

use warren_container_runtime::bundle;
use warren_container_runtime::host::Host;
use warren_container_runtime::oci::Spec;

use crate::depot::Error;
use crate::spec::ContainerSpec;

const CONFIG: &str = "config.json";

/// Makes the bundle of what is wanted.
pub(crate) fn write(spec: &ContainerSpec, directory: &Path) -> Result<(), Error> {
    let host = Host::discover().map_err(|source| Error::Bundle {
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
