//! `warren rootfs pull`.

use std::io::{self, Write};

use serde::Serialize;
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::progress::Watched;
use warren_container_rootfs::source::{Config, Source};
use warren_container_rootfs::store::{Lease, Preloaded, Store};
use warren_registry::source_in;

use super::arguments::{RegistryArguments, StoreArguments, pull_failure};
use super::progress::words;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Bring an image's layers into the store
///
/// Layers are unpacked while they come, several at once, and checked while they are unpacked. They
/// stay until the next 'clean', unless an image is made of them or --pin keeps them. Of an image that
/// is kept the name is known too: with a digest the registry is not asked for it again, with a tag it
/// is not needed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs pull docker://registry.example:5000/app:1.2")]
pub struct Arguments {
    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    registry: RegistryArguments,

    /// Keep the layers under this name, whatever is cleaned
    #[arg(long, value_name = "NAME")]
    pin: Option<String>,

    /// docker://NAME, oci:///DIR or oci:///DIR:TAG, a tar file (plain, gzip, zstd) or a directory
    uri: String,
}

/// An image whose layers are in the store and cannot go.
pub struct Held {
    pub source: Box<dyn Source + Send>,
    pub leases: Vec<Lease>,
    pub pulled: Pulled,
    known: Vec<Preloaded>,
}

impl Held {
    /// Keeps it under a name, whatever is cleaned.
    pub fn keep(&self, store: &Store, name: &str) -> Result<(), Failure> {
        store.pin(name, &self.leases)?;
        for known in &self.known {
            store.remember(known)?;
        }
        Ok(())
    }
}

/// What came.
#[derive(Serialize)]
pub struct Pulled {
    pub uri: String,
    pub config: Config,
    pub layers: Vec<Layer>,
}

/// A layer in the store.
#[derive(Serialize)]
pub struct Layer {
    pub layer: Digest,
    pub blob: Digest,
    pub blob_bytes: u64,
    pub bytes: u64,
    pub entries: u64,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let store = self.store.open()?;
        let held = pull(&store, &self.uri, &self.registry)?;
        if let Some(name) = &self.pin {
            held.keep(&store, name)?;
        }
        show(&held.pulled, format)?;
        Ok(exit::GOOD)
    }
}

/// Brings an image's layers into a store.
pub fn pull(store: &Store, uri: &str, registry: &RegistryArguments) -> Result<Held, Failure> {
    let credentials = registry.credentials()?;
    let (display, settings) = (registry.display(), registry.settings());
    let failed = |error| pull_failure(&format!("finding {uri}"), &error);
    let reference = uri
        .parse()
        .map_err(|error| failed(warren_registry::Error::Reference(error)))?;
    let found = display.during(
        || format!("Finding {uri}"),
        || source_in(store, &reference, credentials.as_ref(), &settings),
    );
    let found = found.map_err(failed)?;
    if let Some(remark) = &found.remark {
        eprintln!("{uri}: {remark}");
    }
    let source = found.image;
    let watched = Watched::new(&*source, store);
    let leases = display.during(|| words(uri, &watched.progress()), || store.fetch(&watched))?;
    let mut layers = Vec::new();
    for lease in &leases {
        let info = lease.info()?;
        layers.push(Layer {
            layer: lease.layer(),
            blob: info.blob,
            blob_bytes: info.blob_size,
            bytes: info.bytes,
            entries: info.entries,
        });
    }
    let pulled = Pulled {
        uri: uri.to_owned(),
        config: source.config().cloned().unwrap_or_default(),
        layers,
    };
    Ok(Held {
        source,
        leases,
        pulled,
        known: found.known,
    })
}

impl Report for Pulled {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Layer", "Compressed", "Bytes", "Entries"]);
        for layer in &self.layers {
            table.row([
                layer.layer.to_string(),
                layer.blob_bytes.to_string(),
                layer.bytes.to_string(),
                layer.entries.to_string(),
            ]);
        }
        table.write(to)
    }
}
