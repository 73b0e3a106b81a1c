//! The store: layers unpacked once, and the images made of them.
//!
//! ```text
//! STORE/                     0711, so that mapped users reach their root file systems
//!   version                  "warren-rootfs 1\n"
//!   id                       random name of this store
//!   probe.json               what the driver probe found, and for which kernel and file system
//!   marks                    where and in which form layers are marked for what they hide
//!   layers/DIGITS/           a layer, by the SHA-256 of its uncompressed archive; 0700
//!     diff/                  its content
//!     hidden                 what it hides of the layers below
//!     layer.json             its size and origin
//!   sources/DIGITS           a local source's id ─► digits of its layer
//!   pins/NAME                layers to be kept, one a line
//!   merged/DIGITS/           what is made of a layer that is another store's, see `shared`
//!   preloaded/DIGITS         what the name of a registry's image stands for, see `preloaded`
//!   images/ID/               see the module `image`
//!   projects/START/N         a project id that is an image's, see `image`
//!   locks/                   store-, layer-, making-, source-DIGITS, image-ID: flock(2)
//!   tmp/                     in the making; each locked by its maker
//!   trash/                   in the unmaking
//! ```
//!
//! Files are written beside their place first (`whole`), so any may be there with an ending that is
//! passed over.
//!
//! A layer is made in `tmp/`, synced, and renamed to its place: what is in `layers/` is whole.
//! What is to go is renamed into `trash/` first (`trash`): what is half gone is nowhere else. Opening a store
//! removes what crashed processes left in either, and images that never got ready.
//!
//! A layer is in use while a [`Lease`] is held (a shared lock of the layer), an image is made of it,
//! or a pin names it. The collector takes the lock for itself before it looks a last time, so that
//! a layer cannot go between its lease and its image.

mod base;
mod capacity;
mod collect;
mod directory;
mod error;
mod forget;
mod layers;
pub(crate) mod lock;
mod pins;
mod preloaded;
mod remark;
mod room;
mod shared;
mod trash;
mod usage;
mod whole;
pub(crate) mod work;

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use capacity::Capacity;
pub use collect::Collected;
pub use error::Error;
pub use layers::{LayerInfo, Lease, SourceError};
pub use preloaded::{Preloaded, PreloadedLayer};
pub use room::{Cleared, Room};
pub use trash::Report as EmptierReport;
pub use usage::Usage;

pub(crate) use base::Base;
pub(crate) use error::io;
pub(crate) use room::is_full;
pub(crate) use whole::write_whole;

use crate::driver::{self, Report};
use crate::layer::{Digest, Limits};

/// Where the store of a machine is, unless somebody says otherwise: that of its Garden server, so
/// that the server finds what was put there beforehand.
pub const USUAL: &str = "/var/lib/warren/garden/store";

const VERSION: &str = "warren-rootfs 1\n";

/// How a store is opened.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Directories on other file systems where writable layers may go if the store's own cannot
    /// hold them.
    pub alternatives: Vec<PathBuf>,
    /// Other stores whose pinned layers are used where they are, see the module `shared`; of each
    /// only `layers/`, `pins/` and `sources/` are read.
    pub shared: Vec<PathBuf>,
    /// Use this rung of the ladder whatever the probe says.
    pub rung: Option<driver::Rung>,
    /// Bounds of every layer.
    pub limits: Limits,
    /// What is written to root file systems need not survive a crash of the machine, which ends
    /// their containers in any case. Without this the kernel writes the whole file system under an
    /// overlay to disk when the overlay is unmounted, and at each fsync(2) inside. Layers are synced
    /// all the same.
    pub volatile: bool,
    /// Whose the images are that are made and listed; the others are left alone. Nobody's, unless
    /// somebody says otherwise.
    pub owner: String,
}

/// What opening found and removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Layers and images half made.
    pub unfinished: usize,
    /// Things half removed.
    pub trash: usize,
    /// Images that never got ready.
    pub images: usize,
}

/// A store. Any number of processes and threads may have it open.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    id: String,
    report: Report,
    limits: Limits,
    pub(crate) volatile: bool,
    pub(crate) owner: String,
    swept: Swept,
    shared: Vec<shared::Shared>,
    emptier: Option<trash::Emptier>,
    stuck: Vec<Error>,
}

impl Store {
    /// Opens the store at `root`, making it if there is none, and removes what crashed processes
    /// left.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Version`] for a directory that is something else, [`Error::Probe`],
    /// [`Error::Shared`].
    pub fn open(root: &Path, options: &Options) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(root)
            .map_err(io("make", root))?;
        let root = root.canonicalize().map_err(io("find", root))?;
        let shared = options
            .shared
            .iter()
            .map(|other| shared::Shared::open(other));
        let shared = shared.collect::<Result<Vec<_>, _>>()?;
        let id = Self::initialise(&root)?;
        let report = driver::cached_probe(&root, &options.alternatives, options.rung.as_ref())
            .map_err(Error::Probe)?;
        let mut store = Self {
            root,
            id,
            report,
            limits: options.limits,
            volatile: options.volatile,
            owner: options.owner.clone(),
            swept: Swept::default(),
            shared,
            emptier: None,
            stuck: Vec::new(),
        };
        store.swept = store.sweep()?;
        store.remark()?;
        Ok(store)
    }

    /// Where the store is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How root file systems are made here, and why not otherwise.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What opening removed.
    pub fn swept(&self) -> Swept {
        self.swept
    }

    /// A random name of this store.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn initialise(root: &Path) -> Result<String, Error> {
        let version = root.join("version");
        let lock_path = root.join("locks");
        let named = |name: &str| root.join(name);
        match std::fs::read_to_string(&version) {
            Ok(found) if found == VERSION => {}
            Ok(found) => {
                let path = root.to_owned();
                return Err(Error::Version { path, found });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                refuse_foreign(root)?;
                let make = |path: &Path, mode| {
                    let mut builder = DirBuilder::new();
                    builder
                        .recursive(true)
                        .mode(mode)
                        .create(path)
                        .map_err(io("make", path))
                };
                make(&lock_path, 0o700)?;
                let _lock = lock::Lock::wait(&lock_path.join("store"), lock::Hold::Exclusive)
                    .map_err(io("lock", &lock_path))?;
                if !version.exists() {
                    for name in ["layers", "sources", "pins", "tmp", "trash"] {
                        make(&named(name), 0o700)?;
                    }
                    make(&named("images"), 0o711)?;
                    write_whole(&named("id"), crate::unique::name().as_bytes())?;
                    write_whole(&version, VERSION.as_bytes())?;
                }
            }
            Err(error) => return Err(io("read", &version)(error)),
        }
        std::fs::read_to_string(named("id")).map_err(io("read", &named("id")))
    }

    fn sweep(&mut self) -> Result<Swept, Error> {
        let tmp = self.tmp();
        let unfinished = work::sweep(&tmp).map_err(io("sweep", &tmp))?;
        let images = self.sweep_images()?;
        let trash = self.sweep_trash()?;
        self.sweep_projects()?;
        Ok(Swept {
            unfinished,
            trash,
            images,
        })
    }

    pub(crate) fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    pub(crate) fn layer_path(&self, layer: &Digest) -> PathBuf {
        self.root.join("layers").join(layer.hex())
    }

    pub(crate) fn lock_path(&self, kind: &str, name: &str) -> PathBuf {
        self.root.join("locks").join(format!("{kind}-{name}"))
    }
}

/// A directory that holds things of others does not become a store: sweeping it would be no service.
fn refuse_foreign(root: &Path) -> Result<(), Error> {
    const OWN: [&str; 11] = [
        "layers",
        "sources",
        "pins",
        "merged",
        "preloaded",
        "tmp",
        "trash",
        "images",
        "locks",
        "id",
        "version",
    ];
    for entry in std::fs::read_dir(root).map_err(io("list", root))? {
        let name = entry.map_err(io("list", root))?.file_name();
        let name = name.to_string_lossy();
        let is_own = OWN.iter().any(|own| {
            // Whole files are written beside their place first.
            name.strip_prefix(own)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if !is_own && name != "lost+found" {
            return Err(Error::Version {
                path: root.to_owned(),
                found: format!("no version, but {name}"),
            });
        }
    }
    Ok(())
}

/// Makes a rename last.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(io("sync", path))
}
