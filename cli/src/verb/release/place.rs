//! Flags that all verbs on a release directory have, and the lines they print on the way.

use std::path::PathBuf;

use warren_release::directory::{Directory, Event};

use crate::failure::Failure;
use crate::output::Format;

/// Which release directory.
#[derive(clap::Args, Debug)]
pub struct Place {
    /// The release directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    /// Where archives are kept by their digest; ~/.bosh/cache if it is not given
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl Place {
    /// The directory, as the release crate takes it.
    pub fn directory(&self) -> Result<Directory, Failure> {
        let cache = match &self.cache {
            Some(cache) => cache.clone(),
            None => {
                let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
                let home = home.ok_or_else(|| {
                    Failure::text("finding the cache: HOME is not set").remedy("give --cache DIR")
                })?;
                PathBuf::from(home).join(".bosh/cache")
            }
        };
        Ok(Directory::new(&self.dir, cache))
    }
}

/// Prints what happens, in the bosh CLI's words, unless a program is listening.
pub fn teller(format: Format) -> impl FnMut(Event<'_>) {
    move |event| {
        if format == Format::Human {
            tell(&event);
        }
    }
}

fn tell(event: &Event<'_>) {
    match event {
        Event::Adding {
            kind,
            name,
            fingerprint,
        } => println!("Adding {} '{name}/{fingerprint}'...", kind.name()),
        Event::Added {
            kind,
            name,
            fingerprint,
        } => println!("Added {} '{name}/{fingerprint}'", kind.name()),
        Event::Released {
            stage,
            name,
            version,
        } => println!("Added {} release '{name}/{version}'", stage.name()),
        Event::Downloading { what } => println!("Blob download '{what}' started"),
        Event::Downloaded { what } => println!("Blob download '{what}' finished"),
        Event::Uploading { what } => println!("Blob upload '{what}' started"),
        Event::Uploaded { what, id } => println!("Blob upload '{what}' (id: {id}) finished"),
        Event::Removed { what } => println!("Removed 'blobs/{what}', which is not in blobs.yml"),
    }
}
