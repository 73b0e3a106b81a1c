//! What can be wrong with a release directory.

use std::path::{Path, PathBuf};

use warren_wire_release::directory::InvalidConfig;
use warren_wire_release::{InvalidDigest, InvalidJob, InvalidName, InvalidRelease, YamlError};

use super::glob::InvalidPattern;
use crate::tarball;

/// What was asked of a release directory cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No release directory.
    #[error(
        "{} is no release directory: it has no config/final.yml (make one with 'warren release \
         init')", path.display()
    )]
    NoDirectory {
        /// Where one was looked for.
        path: PathBuf,
    },
    /// There is something already.
    #[error("{what} at {} already exists", path.display())]
    Exists {
        /// What.
        what: String,
        /// Where.
        path: PathBuf,
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
    /// The configuration.
    #[error("cannot use the release's configuration")]
    Config(#[from] InvalidConfig),
    /// A document.
    #[error("cannot use {}", path.display())]
    Yaml {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: YamlError,
    },
    /// A job's spec.
    #[error("cannot use {}", path.display())]
    Job {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidJob,
    },
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A job or package whose directory has another name.
    #[error("{} says that its name is {name:?}; make both the same", path.display())]
    OtherName {
        /// The spec.
        path: PathBuf,
        /// The name in it.
        name: String,
    },
    /// Something a spec names is not there.
    #[error("the {what} {name:?} has no {}", path.display())]
    Missing {
        /// Job or package.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is missing.
        path: PathBuf,
    },
    /// Something that is neither a file nor a symbolic link.
    #[error("{} is neither a file nor a symbolic link, so it cannot be in an archive", path.display())]
    Special {
        /// What.
        path: PathBuf,
    },
    /// A pattern that is none.
    #[error("the package {package:?} has a bad pattern")]
    Pattern {
        /// The package.
        package: String,
        /// What is wrong.
        source: InvalidPattern,
    },
    /// A pattern that nothing fits.
    #[error("no file in src/ or blobs/ fits the pattern {pattern:?} of the package {package:?}")]
    NoMatch {
        /// The package.
        package: String,
        /// The pattern.
        pattern: String,
    },
    /// A pattern that fits a script of the package.
    #[error(
        "a pattern of the package {package:?} fits {file:?}, which is the package's own script"
    )]
    Reserved {
        /// The package.
        package: String,
        /// `packaging` or `pre_packaging`.
        file: &'static str,
    },
    /// `pre_packaging`.
    #[error("pre_packaging of the package {package:?} ended with {status}{tail}")]
    PrePackaging {
        /// The package.
        package: String,
        /// How.
        status: std::process::ExitStatus,
        /// The end of what it said, after a colon.
        tail: String,
    },
    /// A program.
    #[error("cannot run {program}")]
    Program {
        /// Which.
        program: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A program that failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// With arguments.
        program: String,
        /// What it said.
        said: String,
    },
    /// Changes that are not committed.
    #[error(
        "the git repository has local modifications (commit them or use --force):\n\n{changes}"
    )]
    Dirty {
        /// As git shows them.
        changes: String,
    },
    /// Sources changed while they were archived.
    #[error("the files of the {what} {name:?} changed while they were read; try again")]
    Changed {
        /// Job, package or licence.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// An archive that neither index has, or that is in neither cache nor blobstore.
    #[error("there is no archive of the {what} {name}/{fingerprint}: {why}")]
    NoArchive {
        /// Job, package or licence.
        what: &'static str,
        /// Its name.
        name: String,
        /// Its fingerprint.
        fingerprint: String,
        /// Where it was looked for.
        why: &'static str,
    },
    /// A digest that is none.
    #[error("{} has a bad digest", path.display())]
    BadDigest {
        /// The document.
        path: PathBuf,
        /// What is wrong.
        source: InvalidDigest,
    },
    /// A file is not what its digest says.
    #[error("{} has the digest {actual}, expected {expected}; remove it and try again", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// As listed.
        expected: String,
        /// As computed.
        actual: String,
    },
    /// A version that is there already.
    #[error("the {stage} release {name}/{version} already exists")]
    VersionExists {
        /// `dev` or `final`.
        stage: &'static str,
        /// The release.
        name: String,
        /// The version.
        version: String,
    },
    /// No next version.
    #[error("there is no version after {last}; give one with --version")]
    NoNextVersion {
        /// The last version.
        last: String,
    },
    /// The release as a whole.
    #[error("cannot make this release")]
    Release(#[from] InvalidRelease),
    /// Compiled packages, where sources belong.
    #[error("{} is a compiled release, which cannot become a final one: give the tarball that it was compiled from", path.display())]
    Compiled {
        /// The tarball.
        path: PathBuf,
    },
    /// The tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// An archive that cannot be written.
    #[error("cannot write the archive of the {what} {name:?}")]
    Archive {
        /// Job, package or licence.
        what: &'static str,
        /// Its name.
        name: String,
        /// Why.
        source: warren_lib_tar::WriteError,
    },
    /// No blobstore.
    #[error(
        "config/final.yml has no 'blobstore.provider', so there is nowhere to put what is final"
    )]
    NoBlobstore,
    /// A blobstore that is not a directory.
    #[error("the blobstore provider {provider:?} is not known here; 'local' is")]
    Provider {
        /// As configured.
        provider: String,
    },
    /// A local blobstore without a directory.
    #[error(
        "the local blobstore has no 'options.blobstore_path' in config/final.yml or private.yml"
    )]
    NoBlobstorePath,
    /// A name in a blobstore, or a path below `blobs/`, that leaves it.
    #[error("{path:?} in {} leaves its directory", document.display())]
    Outside {
        /// The document.
        document: PathBuf,
        /// The path in it.
        path: String,
    },
    /// A symbolic link where blobs are.
    #[error("{} is a symbolic link; blobs must be files", path.display())]
    Link {
        /// Which.
        path: PathBuf,
    },
    /// A blob that is nowhere.
    #[error("the blob {path:?} is neither in blobs/ nor in the blobstore")]
    NoBlob {
        /// Its path.
        path: String,
    },
}

/// An error about a file.
pub(super) fn file(step: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        step,
        path: path.clone(),
        source,
    }
}
