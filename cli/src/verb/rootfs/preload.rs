//! `warren rootfs preload`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::arguments::{RegistryArguments, StoreArguments};
use super::pull::{Pulled, pull};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Make a store with images inside a directory that becomes a machine's root file system
///
/// What runs there later finds their layers unpacked. They are kept under the names of the images,
/// whatever is cleaned. By default they are put where the machine's Garden server looks for them:
/// of an image with a digest it then asks no registry, of one with a tag it needs none.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren rootfs preload --into ./stemcell-root docker://registry.example/app:1"
)]
pub struct Arguments {
    /// The directory; --store is a path inside it
    #[arg(long, value_name = "DIR")]
    into: PathBuf,

    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    registry: RegistryArguments,

    /// The images, as for 'pull'
    #[arg(required = true)]
    uri: Vec<String>,
}

#[derive(Serialize)]
struct Preloaded {
    store: PathBuf,
    images: Vec<Pulled>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let inside = self.store.store.strip_prefix("/");
        let root = self.into.join(inside.unwrap_or(&self.store.store));
        if !self.into.is_dir() {
            let message = format!("preloading: {} is no directory", self.into.display());
            return Err(Failure::text(message));
        }
        make_parents(&root)?;
        let store = self.store.open_at(&root)?;
        let mut images = Vec::new();
        for uri in &self.uri {
            let held = pull(&store, uri, &self.registry)?;
            held.keep(&store, &pin_name(uri))?;
            images.push(held.pulled);
        }
        let root = store.root().to_owned();
        show(
            &Preloaded {
                store: root,
                images,
            },
            format,
        )?;
        Ok(exit::GOOD)
    }
}

/// The store itself is made by opening it.
fn make_parents(root: &Path) -> Result<(), Failure> {
    if let Some(parent) = root.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| Failure::text(format!("making {}: {error}", parent.display())))?;
    }
    Ok(())
}

/// An image's text as a name of a file.
fn pin_name(uri: &str) -> String {
    let name: String = uri.replace('/', "_").chars().take(120).collect();
    let digest = warren_container_rootfs::layer::Digest::of(uri.as_bytes()).hex();
    format!("{name}.{}", digest.get(..12).unwrap_or_default())
}

impl Report for Preloaded {
    fn write_human(&self, to: &mut dyn std::io::Write) -> std::io::Result<()> {
        writeln!(to, "Store {}", self.store.display())?;
        for image in &self.images {
            writeln!(to, "\n{}", image.uri)?;
            image.write_human(to)?;
        }
        Ok(())
    }
}
