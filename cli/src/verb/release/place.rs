//! Flags that all verbs on a release directory have, what they do, and the lines they print on the way.

use std::path::PathBuf;

use warren_release::directory::{Directory, Event, Reporter};

use crate::failure::{Failure, exit};
use crate::output::{Format, Listing, Report, show};

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

/// A verb, under whichever name: `release create` shows what was made as all verbs do, `create-release` as the stock
/// command line does.
pub trait Work {
    /// What was made.
    type Made: Made;

    /// Does it.
    fn work(self, tell: Reporter<'_>) -> Result<Self::Made, Failure>;
}

/// What was made, as the stock command line shows it too.
pub trait Made: Report {
    /// Tables.
    fn tables(&self) -> Vec<Listing> {
        Vec::new()
    }

    /// Lines; without tables what people see otherwise.
    fn lines(&self) -> Vec<String> {
        let mut text = Vec::new();
        if self.tables().is_empty() {
            // Memory takes all.
            let _written = self.write_human(&mut text);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().map(str::to_owned).collect()
    }
}

/// Does it, and shows what was made.
pub fn run(verb: impl Work, format: Format) -> Result<u8, Failure> {
    let made = verb.work(&mut |event| {
        if format == Format::Human {
            println!("{}", words(&event));
        }
    })?;
    show(&made, format)?;
    Ok(exit::GOOD)
}

/// What happens, in the bosh CLI's words.
pub fn words(event: &Event<'_>) -> String {
    match event {
        Event::Adding {
            kind,
            name,
            fingerprint,
        } => format!("Adding {} '{name}/{fingerprint}'...", kind.name()),
        Event::Added {
            kind,
            name,
            fingerprint,
        } => format!("Added {} '{name}/{fingerprint}'", kind.name()),
        Event::Released {
            stage,
            name,
            version,
        } => format!("Added {} release '{name}/{version}'", stage.name()),
        Event::Downloading { what } => format!("Blob download '{what}' started"),
        Event::Downloaded { what } => format!("Blob download '{what}' finished"),
        Event::Uploading { what } => format!("Blob upload '{what}' started"),
        Event::Uploaded { what, id } => format!("Blob upload '{what}' (id: {id}) finished"),
        Event::Removed { what } => format!("Removed 'blobs/{what}', which is not in blobs.yml"),
    }
}
