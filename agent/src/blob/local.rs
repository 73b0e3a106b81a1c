//! A blobstore that is a directory: option `blobstore_path`. That of old create-env stemcells is
//! `data/blobs`.

use std::path::{Path, PathBuf};

use warren_wire_agent::settings::Blobstore;

use super::BlobError;
use crate::files::{self, failed};
use crate::paths::Paths;

/// The path that stands for `data/blobs`.
const MICRO: &str = "/var/vcap/micro_bosh/data/cache";

fn place(paths: &Paths, blobstore: &Blobstore) -> Result<PathBuf, BlobError> {
    let option = "blobstore_path";
    match blobstore
        .options
        .get(option)
        .and_then(|value| value.as_str())
    {
        Some(MICRO) => Ok(paths.blobs()),
        Some(path) if !path.is_empty() => Ok(paths.within(path)),
        _ => Err(BlobError::Option {
            provider: "local",
            option,
        }),
    }
}

pub(super) fn get(
    paths: &Paths,
    blobstore: &Blobstore,
    id: &str,
    to: &Path,
) -> Result<(), BlobError> {
    let from = place(paths, blobstore)?.join(id);
    Ok(files::copy(&from, to)?)
}

pub(super) fn put(
    paths: &Paths,
    blobstore: &Blobstore,
    id: &str,
    file: &Path,
) -> Result<(), BlobError> {
    let place = place(paths, blobstore)?;
    std::fs::create_dir_all(&place).map_err(failed("make the directory", &place))?;
    // Under another name first: a blob that is there is complete.
    let (new, to) = (place.join(format!(".{id}")), place.join(id));
    let put = files::copy(file, &new)
        .and_then(|()| std::fs::rename(&new, &to).map_err(failed("name", &to)));
    if put.is_err() {
        // Nobody knows of it; the reason is worth more.
        let _ = std::fs::remove_file(&new);
    }
    Ok(put?)
}
