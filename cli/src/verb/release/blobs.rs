//! `warren release blobs`, `add-blob`, `remove-blob`, `sync-blobs` and `upload-blobs`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_release::directory::{Reporter, add_blob, blobs, remove_blob, sync_blobs, upload_blobs};
use warren_wire_release::directory::Blobs;

use super::place::{Made, Place, Work};
use crate::failure::Failure;
use crate::output::{Listing, Report, Table};

/// List blobs
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release blobs")]
pub struct List {
    #[command(flatten)]
    place: Place,
}

/// Add a file to blobs/, or replace one
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release add-blob ~/Downloads/go.tgz golang/go.tgz")]
pub struct Add {
    #[command(flatten)]
    place: Place,

    /// The file
    file: PathBuf,

    /// Its path below blobs/
    path: String,
}

/// Remove a blob from the list and from blobs/
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release remove-blob golang/go.tgz")]
pub struct Remove {
    #[command(flatten)]
    place: Place,

    /// Its path below blobs/
    path: String,
}

/// Make blobs/ what config/blobs.yml lists
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release sync-blobs")]
pub struct Sync {
    #[command(flatten)]
    place: Place,
}

/// Put blobs that are only here into the blobstore
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren release upload-blobs")]
pub struct Upload {
    #[command(flatten)]
    place: Place,
}

/// Blobs that are listed.
#[derive(Serialize)]
pub struct Listed {
    blobs: Vec<Blob>,
}

#[derive(Serialize)]
struct Blob {
    path: String,
    size: u64,
    blobstore_id: Option<String>,
    digest: String,
}

impl Listed {
    fn new(blobs: Blobs) -> Self {
        let blobs = blobs.0.into_iter().map(|(path, blob)| Blob {
            path,
            size: blob.size,
            blobstore_id: blob.object_id,
            digest: blob.sha,
        });
        Self {
            blobs: blobs.collect(),
        }
    }
}

impl Report for Listed {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Path", "Size", "Blobstore ID", "Digest"]);
        for blob in &self.blobs {
            let id = blob
                .blobstore_id
                .clone()
                .unwrap_or_else(|| "(local)".to_owned());
            table.row([blob.path.clone(), size(blob.size), id, blob.digest.clone()]);
        }
        table.write(to)?;
        writeln!(to, "\n{} blobs", self.blobs.len())
    }
}

/// As the bosh CLI writes sizes: `1.0 GiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = UNITS[0];
    // Tenths of the unit.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    for next in &UNITS[1..] {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

impl Made for Listed {
    fn tables(&self) -> Vec<Listing> {
        let mut table = Listing::new("blobs", &["Path", "Size", "Blobstore ID", "Digest"]);
        let rows = self.blobs.iter().map(|blob| {
            let id = blob.blobstore_id.as_deref().unwrap_or("(local)").to_owned();
            vec![blob.path.clone(), size(blob.size), id, blob.digest.clone()]
        });
        table.rows = rows.collect();
        vec![table]
    }
}

/// A blob that was added.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Added(Listed);

impl Report for Added {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        self.0.write_human(to)
    }
}

impl Made for Added {
    fn lines(&self) -> Vec<String> {
        let blobs = self.0.blobs.iter();
        blobs
            .map(|blob| format!("Added blob '{}'", blob.path))
            .collect()
    }
}

/// What is listed once all of it is at its place: people have been told what was done for it.
#[derive(Serialize)]
#[serde(transparent)]
pub struct AtPlace(Listed);

impl Report for AtPlace {
    fn write_human(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

impl Made for AtPlace {}

impl Work for List {
    type Made = Listed;

    fn work(self, _: Reporter<'_>) -> Result<Listed, Failure> {
        Ok(Listed::new(blobs(&self.place.directory()?)?))
    }
}

impl Work for Add {
    type Made = Added;

    fn work(self, _: Reporter<'_>) -> Result<Added, Failure> {
        let added = add_blob(&self.place.directory()?, &self.file, &self.path)?;
        let blobs = Blobs([(added.path, added.blob)].into());
        Ok(Added(Listed::new(blobs)))
    }
}

/// A blob that is not listed any more.
#[derive(Serialize)]
pub struct Removed {
    path: String,
    was_listed: bool,
}

impl Report for Removed {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        match self.was_listed {
            true => writeln!(to, "Removed blob '{}'", self.path),
            false => writeln!(to, "There was no blob '{}'", self.path),
        }
    }
}

impl Made for Removed {}

impl Work for Remove {
    type Made = Removed;

    fn work(self, _: Reporter<'_>) -> Result<Removed, Failure> {
        let was_listed = remove_blob(&self.place.directory()?, &self.path)?;
        let path = self.path;
        Ok(Removed { path, was_listed })
    }
}

impl Work for Sync {
    type Made = AtPlace;

    fn work(self, tell: Reporter<'_>) -> Result<AtPlace, Failure> {
        let directory = self.place.directory()?;
        sync_blobs(&directory, tell)?;
        Ok(AtPlace(Listed::new(blobs(&directory)?)))
    }
}

impl Work for Upload {
    type Made = AtPlace;

    fn work(self, tell: Reporter<'_>) -> Result<AtPlace, Failure> {
        let directory = self.place.directory()?;
        upload_blobs(&directory, tell)?;
        Ok(AtPlace(Listed::new(blobs(&directory)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 30, "1.0 GiB"),
            (1_600_000, "1.5 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
