//! `warren rootfs create`, `delete`, `list` and `stats`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::image::{Damaged, Quota, Request};
use warren_container_rootfs::store::Error;

use super::arguments::{RegistryArguments, StoreArguments};
use super::probe::rung_name;
use super::pull::pull;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Make a root file system and mount it
///
/// It is mounted in the mount namespace that this runs in.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs create docker:///debian:12 web")]
pub struct Create {
    #[command(flatten)]
    store: StoreArguments,

    #[command(flatten)]
    registry: RegistryArguments,

    /// Most bytes to be written to it; how that is kept is told
    #[arg(long, value_name = "BYTES")]
    quota: Option<u64>,

    /// The image, as for 'pull'
    uri: String,

    /// Its id
    id: String,
}

#[derive(Serialize)]
struct Created {
    id: String,
    rootfs: PathBuf,
    rung: Rung,
    quota: Quota,
    environment: Vec<String>,
}

impl Create {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let store = self.store.open()?;
        let held = pull(&store, &self.uri, &self.registry)?;
        let image = store.create(Request {
            id: &self.id,
            layers: &held.leases,
            quota: self.quota,
            ids: None,
        })?;
        let created = Created {
            id: image.id,
            rootfs: image.rootfs,
            rung: image.rung,
            quota: image.quota,
            environment: held.source.environment().to_vec(),
        };
        show(&created, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Created {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut facts = Table::facts();
        facts.row(["Root".to_owned(), self.rootfs.display().to_string()]);
        facts.row(["Way".to_owned(), rung_name(&self.rung)]);
        facts.row(["Limit".to_owned(), quota_text(self.quota)]);
        facts.write(to)
    }
}

fn quota_text(quota: Quota) -> String {
    match quota {
        Quota::None => "none".to_owned(),
        Quota::Tmpfs { bytes } => format!("{bytes} bytes, kept by the size of the tmpfs"),
        Quota::Project { bytes } => format!("{bytes} bytes, kept by a project quota"),
        Quota::Accounting { bytes } => format!("{bytes} bytes, counted only"),
    }
}

/// Unmount and remove a root file system; none of that id is fine
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs delete web")]
pub struct Delete {
    #[command(flatten)]
    store: StoreArguments,

    /// Its id
    id: String,
}

#[derive(Serialize)]
struct Deleted {
    id: String,
    was_there: bool,
}

impl Delete {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let was_there = self.store.open()?.destroy(&self.id)?;
        let id = self.id;
        show(&Deleted { id, was_there }, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Deleted {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        match self.was_there {
            true => writeln!(to, "Deleted {}", self.id),
            false => writeln!(to, "There was no {}", self.id),
        }
    }
}

/// List the root file systems of a store
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs list")]
pub struct List {
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Serialize)]
struct Listed {
    images: Vec<One>,
    damaged: Vec<Damaged>,
}

#[derive(Serialize)]
struct One {
    id: String,
    rootfs: PathBuf,
    rung: Rung,
    layers: usize,
}

impl List {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let store = self.store.open()?;
        let (mut images, mut damaged) = (Vec::new(), Vec::new());
        for id in store.list_all()? {
            match store.image(&id) {
                Ok(image) => images.push(One {
                    id,
                    rootfs: image.rootfs,
                    rung: image.rung,
                    layers: image.layers.len(),
                }),
                // It has gone meanwhile.
                Err(Error::NotFound { .. }) => {}
                Err(error) => damaged.push(Damaged {
                    id,
                    why: warren_lib_errchain::chain(&error),
                }),
            }
        }
        show(&Listed { images, damaged }, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Listed {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Id", "Layers", "Way", "Root"]);
        for image in &self.images {
            table.row([
                image.id.clone(),
                image.layers.to_string(),
                rung_name(&image.rung),
                image.rootfs.display().to_string(),
            ]);
        }
        table.write(to)?;
        for Damaged { id, why } in &self.damaged {
            writeln!(to, "{id} is damaged and can only be deleted: {why}")?;
        }
        Ok(())
    }
}

/// Tell how much a root file system takes
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs stats web")]
pub struct Stats {
    #[command(flatten)]
    store: StoreArguments,

    /// Its id
    id: String,
}

#[derive(Serialize)]
struct Counted {
    id: String,
    total_bytes: u64,
    exclusive_bytes: u64,
    quota: Quota,
}

impl Stats {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let stats = self.store.open()?.stats(&self.id)?;
        let counted = Counted {
            id: self.id,
            total_bytes: stats.total,
            exclusive_bytes: stats.exclusive,
            quota: stats.quota,
        };
        show(&counted, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Counted {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut facts = Table::facts();
        facts.row(["Total".to_owned(), format!("{} bytes", self.total_bytes)]);
        facts.row([
            "Its own".to_owned(),
            format!("{} bytes", self.exclusive_bytes),
        ]);
        facts.row(["Limit".to_owned(), quota_text(self.quota)]);
        facts.write(to)
    }
}
