//! Why an image could not be had.

use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::{InvalidReference, OciError, manifest};

use crate::name::InvalidName;

/// An image could not be had. No text has credentials or the query of a URL, which may be a
/// signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text names no image.
    #[error("cannot understand the image's text")]
    Reference(#[source] InvalidReference),
    /// The name names no image.
    #[error("cannot understand the image's name")]
    Name(#[source] InvalidName),
    /// `raw://` is no image but a directory to be used as it is.
    #[error("a raw directory has no layers: it is used as it is")]
    Raw,
    /// A file or directory of the host.
    #[error("cannot use {}", path.display())]
    Local {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An image layout.
    #[error("cannot use the image layout")]
    Layout(#[source] OciError),
    /// A file with certificates to trust.
    #[error("cannot read the certificates in {}", path.display())]
    Certificates {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The registry speaks no TLS, or has a certificate that is not trusted, and is not among those
    /// that may.
    #[error(
        "{registry} is insecure: it must be named among the insecure registries to pull from it \
         ({trusted} certificates are trusted)"
    )]
    Insecure {
        /// `host[:port]`.
        registry: String,
        /// How many certificates are trusted; none means that the system has no list of them.
        trusted: usize,
        /// What was wrong.
        source: Box<ureq::Error>,
    },
    /// The other side does not like who we are.
    #[error("{registry} {what} in {}", directory.display())]
    ClientCertificate {
        /// `host[:port]`.
        registry: String,
        /// In words.
        what: &'static str,
        /// The directory for its certificates.
        directory: std::path::PathBuf,
        /// What it said.
        source: Box<ureq::Error>,
    },
    /// No answer.
    #[error("cannot reach {url}")]
    Transport {
        /// What was asked for.
        url: String,
        /// Why not.
        source: Box<ureq::Error>,
    },
    /// Not there, or not for us: registries do not tell these apart.
    #[error("{url} does not exist or you do not have permissions to see it")]
    NotFound {
        /// What was asked for.
        url: String,
    },
    /// Name and password were refused.
    #[error("{registry} refused the authorization: username and password are invalid")]
    Unauthorized {
        /// `host[:port]`.
        registry: String,
    },
    /// An answer that says no in another way.
    #[error("{url} was answered with status {status}{message}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the registry said about it, after a colon; or nothing.
        message: String,
    },
    /// A way of authentication that is not known, or one that is not safe.
    #[error("{registry} wants to be authenticated to {how}")]
    Challenge {
        /// `host[:port]`.
        registry: String,
        /// In words.
        how: &'static str,
    },
    /// Sent somewhere that is not safe, or round in circles.
    #[error("{url} redirects {how}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// In words.
        how: &'static str,
    },
    /// Reading an answer.
    #[error("cannot read the answer of {url}")]
    Read {
        /// What was asked for.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// More than any such document has.
    #[error("{url} has more than {limit} bytes")]
    TooLong {
        /// What was asked for.
        url: String,
        /// The bound.
        limit: u64,
    },
    /// Not the document it should be.
    #[error("{url} is malformed")]
    Malformed {
        /// What was asked for.
        url: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A document is not the one that was asked for.
    #[error("{url} has the digest {actual}, expected {expected}")]
    Digest {
        /// What was asked for.
        url: String,
        /// As asked.
        expected: Digest,
        /// As computed.
        actual: Digest,
    },
    /// A manifest of a kind that is no longer in use.
    #[error("{url} is a manifest of schema version 1, which has no digests to check; push it anew")]
    Schema1 {
        /// What was asked for.
        url: String,
    },
    /// No image of that platform.
    #[error("{url} has no image for {platform}")]
    NoPlatform {
        /// The index.
        url: String,
        /// `os/architecture`.
        platform: String,
    },
    /// Manifest and configuration disagree.
    #[error("{url} is inconsistent")]
    Layers {
        /// The manifest.
        url: String,
        /// How.
        source: manifest::Disagree,
    },
    /// A blob stopped short, again and again.
    #[error("{url} ended after {got} of {size} bytes")]
    Short {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        got: u64,
        /// Bytes there should be.
        size: u64,
    },
    /// Mirrors and the registry itself failed; the registry's failure is the source.
    #[error("no mirror has it ({mirrors}), and the registry itself failed")]
    Mirrors {
        /// Each mirror and what was wrong with it.
        mirrors: String,
        /// Of the registry.
        source: Box<Error>,
    },
    /// The store does not say what it has.
    #[error("cannot see whether the image is preloaded")]
    Store(#[source] Box<warren_container_rootfs::store::Error>),
    /// A layer's digest as a client gave it.
    #[error("the layer's digest is none")]
    LayerDigest(#[source] warren_container_rootfs::layer::InvalidDigest),
    /// A layer's address as a client gave it.
    #[error("{url:?} is neither http://, https://, file:// nor a path")]
    LayerUrl {
        /// The address.
        url: String,
    },
}

impl Error {
    /// Whether nobody has answered who could know.
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Error::Mirrors { source, .. } => source.is_silence(),
            Error::Transport { source, .. } if matches!(**source, ureq::Error::HostNotFound) => {
                true
            }
            other => other.is_transient(),
        }
    }

    /// Whether the same request may well succeed in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Error::Transport { source, .. } => {
                matches!(
                    **source,
                    ureq::Error::Io(_)
                        | ureq::Error::Timeout(_)
                        | ureq::Error::ConnectionFailed
                        | ureq::Error::Protocol(_)
                )
            }
            Error::Read { .. } => true,
            Error::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}
