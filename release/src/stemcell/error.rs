//! What can be wrong with a stemcell.

use std::path::PathBuf;

use warren_wire_release::{InvalidDigest, InvalidName, InvalidStemcell, YamlError};

/// A stemcell cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes of a tarball.
    #[error("cannot read the stemcell tarball")]
    Read(#[source] std::io::Error),
    /// No tar archive.
    #[error("cannot read the stemcell tarball")]
    Archive(#[from] warren_lib_tar::Error),
    /// A name that no member may have.
    #[error("the stemcell tarball has a member {name:?}")]
    Name {
        /// The name, cut short.
        name: String,
    },
    /// A member that is no plain file where one should be.
    #[error("{name} in the stemcell tarball is no plain file")]
    Kind {
        /// The member.
        name: String,
    },
    /// The same member again.
    #[error("{name} is in the stemcell tarball twice")]
    Twice {
        /// The member.
        name: String,
    },
    /// More members, or larger ones, than any stemcell has.
    #[error("the stemcell tarball has more than {limit} {what}")]
    TooMany {
        /// Members, or bytes beside the image.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// Something every stemcell has.
    #[error("the tarball has no {name}, so it is no stemcell")]
    Missing {
        /// `stemcell.MF` or `image`.
        name: &'static str,
    },
    /// A manifest that cannot be used.
    #[error("cannot use stemcell.MF")]
    Manifest(#[from] InvalidStemcell),
    /// A manifest that cannot be written.
    #[error("cannot write stemcell.MF")]
    WriteManifest(#[source] YamlError),
    /// Cloud properties as a text.
    #[error("the cloud properties are no map in YAML")]
    CloudProperties(#[source] yaml_serde::Error),
    /// A digest that is none.
    #[error("stemcell.MF has a bad digest")]
    BadDigest(#[from] InvalidDigest),
    /// The image is not what the manifest says.
    #[error("the stemcell's image has the digest {actual}, stemcell.MF says {expected}")]
    Digest {
        /// As in the manifest.
        expected: String,
        /// As computed.
        actual: String,
    },
    /// A bad name or version for a new stemcell.
    #[error(transparent)]
    BadName(#[from] InvalidName),
    /// A root file system whose system cannot be told.
    #[error("{} does not say what system it is; say it with --os", path.display())]
    NoSystem {
        /// `os-release` of it.
        path: PathBuf,
    },
    /// Something is in the way of what a stemcell needs.
    #[error("the root file system has /{path}, which is no directory")]
    InTheWay {
        /// The path.
        path: String,
    },
    /// A file.
    #[error("cannot {step} {}", path.display())]
    File {
        /// `read`, `write` ...
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Writing an archive.
    #[error("cannot write the stemcell")]
    Write(#[from] warren_lib_tar::WriteError),
    /// A program that is not there, or cannot be started.
    #[error("cannot run {program} (apt-get install {package})")]
    Program {
        /// Which.
        program: &'static str,
        /// What has it.
        package: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A program that failed.
    #[error("{program} ended with {status}:\n{tail}")]
    Failed {
        /// Which.
        program: &'static str,
        /// How.
        status: std::process::ExitStatus,
        /// The end of what it said.
        tail: String,
    },
}

pub(super) fn file(
    step: &'static str,
    path: &std::path::Path,
) -> impl Fn(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::File {
        step,
        path: path.clone(),
        source,
    }
}
