//! What releases and stemcells say of themselves: types and parsers, no I/O.
//!
//! ```text
//! release tarball    release.MF            ReleaseManifest
//!   jobs/*.tgz         job.MF              JobSpec
//! release directory  packages/*/spec       PackageSpec, PackageLock
//!                    config/, .*_builds/   directory::{Config, Blobs, Builds, Releases}
//! stemcell tarball   stemcell.MF           StemcellManifest
//! everywhere         versions, digests     Version, MultiDigest
//! ```
//!
//! Every parser is total: it takes bytes of a bounded length and gives a value or an error. What a
//! document says is not yet consistent with the files beside it; that is for its reader to compare.
//!
//! Source: the behaviour of BOSH's director and command line, see `docs/contract/release.md`.

mod binary;
mod digest;
pub mod directory;
mod job;
mod name;
mod package;
mod release;
mod stemcell;
mod version;
pub mod yaml;

pub use digest::{Algorithm, Digest, InvalidDigest, MultiDigest};
pub use job::{InvalidJob, JobSpec, Link, Property};
pub use name::{InvalidName, check_name};
pub use package::{PackageLock, PackageSpec};
pub use release::{
    CompiledPackageRef, InvalidRelease, JobRef, LicenseRef, PackageRef, ReleaseManifest,
};
pub use stemcell::{InvalidStemcell, StemcellManifest};
pub use version::{InvalidVersion, NoNext, Segment, Version, Wanted, latest};
pub use yaml::YamlError;
