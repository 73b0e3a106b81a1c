//! Releases and stemcells: read, create, build.
//!
//! ```text
//! directory ──► create ──► release tarball ──► tarball::read ──► what a director takes
//!   jobs, packages, src      release.MF          bounded, digests checked
//!   fingerprints, indexes    *.tgz
//!
//! root file system ──► stemcell::plan ──► stemcell::build ──► stemcell tarball, heavy or light
//! ```
//!
//! Everything is blocking and needs no privileges but those to read its sources. What is written
//! depends on nothing but what was read: the same sources give the same bytes. The reasons are in
//! `docs/design/release.md`, what users can rely on in `docs/contract/release.md`.

mod archive;
pub mod directory;
mod hash;
pub mod stemcell;
pub mod tarball;

pub use archive::Compression;
pub use hash::{Hasher, Sums};
