//! What can be wrong with a release tarball.

use std::path::PathBuf;

use warren_wire_release::{InvalidDigest, InvalidJob, InvalidRelease};

/// A release tarball that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes.
    #[error("cannot read the release tarball")]
    Read(#[source] std::io::Error),
    /// No tar archive.
    #[error("cannot read the release tarball")]
    Archive(#[from] warren_lib_tar::Error),
    /// A name that no member may have.
    #[error("the release tarball has a member {name:?}")]
    Name {
        /// The name, cut short.
        name: String,
    },
    /// A member that is no plain file where one should be.
    #[error("{name} in the release tarball is no plain file")]
    Kind {
        /// The member.
        name: String,
    },
    /// The same member again.
    #[error("{name} is in the release tarball twice")]
    Twice {
        /// The member.
        name: String,
    },
    /// A member that is listed.
    #[error("the release tarball lists {name} and does not have it")]
    Absent {
        /// The member.
        name: String,
    },
    /// More members than any release has.
    #[error("the release tarball has more than {limit} members")]
    TooMany {
        /// The bound.
        limit: u64,
    },
    /// No manifest.
    #[error("the tarball has no release.MF, so it is no release")]
    NoManifest,
    /// A manifest that cannot be used.
    #[error("cannot use release.MF of the tarball")]
    Manifest(#[from] InvalidRelease),
    /// A digest in the manifest that is none.
    #[error("release.MF has a bad digest for {name}")]
    BadDigest {
        /// The member it is for.
        name: String,
        /// What is wrong.
        source: InvalidDigest,
    },
    /// An archive is not what the manifest says.
    #[error("{name} in the release tarball has the digest {actual}, release.MF says {expected}")]
    Digest {
        /// The member.
        name: String,
        /// As in the manifest.
        expected: String,
        /// As computed.
        actual: String,
    },
    /// A job's archive that cannot be used.
    #[error("cannot use {name} of the release tarball")]
    Job {
        /// The member.
        name: String,
        /// What is wrong with it.
        source: JobError,
    },
    /// Where archives are to be kept, or come from.
    #[error("cannot {step} {}", path.display())]
    File {
        /// `write`, `read` ...
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Writing the tarball.
    #[error("cannot write the release tarball")]
    Write(#[from] warren_lib_tar::WriteError),
}

/// What can be wrong with a job's archive.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No tar archive, or one that is larger than any job.
    #[error("cannot read the job's archive")]
    Read(#[source] std::io::Error),
    /// No tar archive.
    #[error("cannot read the job's archive")]
    Archive(#[from] warren_lib_tar::Error),
    /// A name that no member may have.
    #[error("the job's archive has a member {name:?}")]
    Name {
        /// The name, cut short.
        name: String,
    },
    /// More members than any job has.
    #[error("the job's archive has more than {limit} members")]
    TooMany {
        /// The bound.
        limit: u64,
    },
    /// No spec.
    #[error("the job's archive has no job.MF")]
    NoSpec,
    /// A spec that cannot be used.
    #[error("cannot use job.MF")]
    Spec(#[from] InvalidJob),
    /// It is another job.
    #[error("job.MF is of the job {name:?}")]
    OtherName {
        /// The name in it.
        name: String,
    },
    /// A template that is not there.
    #[error("the template {template:?} is not in the job's archive")]
    NoTemplate {
        /// Its path below `templates`.
        template: String,
    },
    /// No monit file.
    #[error("the job's archive has neither monit nor a file *.monit")]
    NoMonit,
}
