//! Root file systems of containers: content-addressed layers, and images made of them.
//!
//! ```text
//! source ─► layer ─► store ─► image
//!  tar,      unpack   once,    create, mount, stats, destroy
//!  oci       safely   leased     └─ driver: overlay ... copy, chosen by trying
//! ```
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//! use warren_container_rootfs::image::Request;
//! use warren_container_rootfs::source::LocalTar;
//! use warren_container_rootfs::store::{Options, Store};
//!
//! let store = Store::open(Path::new("/var/lib/warren/garden/store"), &Options::default())?;
//! let layers = store.fetch(&LocalTar::new(Path::new("/images/base.tar.gz"))?)?;
//! let image = store.create(Request { id: "web", layers: &layers, quota: None, ids: None })?;
//! println!("{}", image.rootfs.display());
//! store.destroy("web")?;
//! # Ok(())
//! # }
//! ```
//!
//! The reasons for its decisions are in `docs/design/rootfs.md`.

pub mod driver;
pub mod image;
pub mod layer;
pub mod progress;
pub mod source;
pub mod store;
mod tree;
mod unique;
