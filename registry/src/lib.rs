//! Images from wherever their text says: registries, layouts, files, directories.
//!
//! ```text
//! "docker://host/app@sha256:..." ─► source_for ─► Box<dyn Source> ─► Store::fetch
//!                                       │
//!        name ─► mirrors, then the registry itself
//!                     │ GET manifests ─ 401 ─► token or basic ─► GET again
//!                     │ index ─► manifest of the platform ─► configuration
//!                     └ GET blobs, as a stream that goes on where a connection broke
//! ```
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//! use warren_container_rootfs::store::{Options, Store};
//! use warren_registry::{Credentials, Settings, source_for};
//!
//! let store = Store::open(Path::new("/var/lib/warren/garden/store"), &Options::default())?;
//! let me = Credentials::new("user", "secret");
//! let image = source_for("docker://registry.example/app:1", Some(&me), &Settings::default())?;
//! let layers = store.fetch(&*image)?;
//! println!("{} layers, {:?}", layers.len(), image.environment());
//! # Ok(())
//! # }
//! ```
//!
//! Everything is blocking: pulls run on threads that unpack. Nothing is trusted: documents are
//! bounded and checked against their digests, layers are checked by the store as they are unpacked.
//! Source: OCI distribution specification 1.1; Docker's token authentication specification.

mod auth;
mod blob;
mod certificates;
pub mod challenge;
mod error;
mod http;
mod image;
mod layout;
mod name;
mod offline;
mod preloaded;
mod push;
mod repository;
mod resolve;
mod retry;
mod settings;

pub use error::Error;
pub use image::RegistryImage;
pub use name::{ImageName, InvalidName, Pin};
pub use offline::{Found, Remark, source_in};
pub use push::{LayerFile, Pushed, push};
pub use resolve::{Rootfs, resolve, source_for};
pub use settings::{CERTIFICATES, Credentials, Settings};

#[cfg(test)]
mod tests;
