//! Any other blobstore: an executable `bosh-blobstore-<provider> -c CONFIG get|put`, as stemcells
//! bring them. Its configuration is `etc/blobstore-<provider>.json`, mode 0600.

use std::path::{Path, PathBuf};

use warren_wire_agent::settings::Blobstore;

use super::BlobError;
use crate::files;
use crate::paths::Paths;
use crate::process::tool;

fn run(paths: &Paths, blobstore: &Blobstore, arguments: [&str; 3]) -> Result<(), BlobError> {
    let provider = files::checked_name("blobstore provider", &blobstore.provider)?;
    let program = program(paths, provider)?;
    let config = paths.etc_bosh().join(format!("blobstore-{provider}.json"));
    files::write_json(&config, &blobstore.options, 0o600)?;
    let (program, config) = (program.to_string_lossy(), config.to_string_lossy());
    let [verb, first, second] = arguments;
    let arguments = ["-c", &*config, verb, first, second];
    tool(&program, &arguments)
        .map(drop)
        .map_err(BlobError::External)
}

/// Beside the stemcell's other executables, else in PATH.
fn program(paths: &Paths, provider: &str) -> Result<PathBuf, BlobError> {
    let name = format!("bosh-blobstore-{provider}");
    let search = std::env::var_os("PATH").unwrap_or_default();
    let own = paths.bin().join(&name);
    let mut all = std::iter::once(own.clone())
        .chain(std::env::split_paths(&search).map(|directory| directory.join(&name)));
    all.find(|path| path.is_file())
        .ok_or_else(|| BlobError::Provider {
            provider: provider.to_owned(),
            path: own.display().to_string(),
        })
}

pub(super) fn get(
    paths: &Paths,
    blobstore: &Blobstore,
    id: &str,
    to: &Path,
) -> Result<(), BlobError> {
    run(paths, blobstore, ["get", id, &to.to_string_lossy()])
}

pub(super) fn put(
    paths: &Paths,
    blobstore: &Blobstore,
    id: &str,
    file: &Path,
) -> Result<(), BlobError> {
    run(paths, blobstore, ["put", &file.to_string_lossy(), id])
}
