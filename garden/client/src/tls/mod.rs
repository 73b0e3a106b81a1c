//! TLS to a server: whom to trust, who we are, and what can be wrong with either.

mod problem;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

pub use problem::TlsProblem;
pub(crate) use problem::tls_error;
pub(crate) use stream::Encrypted;

/// PEM files of a TLS client. By default it trusts the system's roots and shows no certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Roots to trust, instead of those of the system.
    pub roots: Option<PathBuf>,
    /// What the client shows to a server that asks who it is.
    pub identity: Option<Identity>,
}

/// A client's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, followed by those between it and its root.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// TLS cannot be used as wished.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is not there, or not what it should be.
    #[error("cannot read {what} from {}", path.display())]
    File {
        /// What should be in it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::pki_types::pem::Error,
    },
    /// A file of roots without any.
    #[error("there is no certificate in {}", .0.display())]
    NoRoots(PathBuf),
    /// A certificate that cannot be used.
    #[error("cannot use the certificate in {}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The library refuses its own defaults.
    #[error("cannot use TLS")]
    Library(#[source] rustls::Error),
}

impl Tls {
    /// Reads the files.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Library)?
            .with_root_certificates(self.trusted()?);
        let Some(identity) = &self.identity else {
            return Ok(Arc::new(builder.with_no_client_auth()));
        };
        let chain = certificates(&identity.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|source| TlsError::File {
            what: "a private key",
            path: identity.key.clone(),
            source,
        })?;
        let config = builder.with_client_auth_cert(chain, key);
        config.map(Arc::new).map_err(|source| TlsError::Unusable {
            path: identity.certificate.clone(),
            source,
        })
    }

    fn trusted(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        let Some(path) = &self.roots else {
            // What cannot be read of the system's does not keep the rest from being used.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        for root in certificates(path)? {
            roots.add(root).map_err(|source| TlsError::Unusable {
                path: path.clone(),
                source,
            })?;
        }
        match roots.is_empty() {
            true => Err(TlsError::NoRoots(path.clone())),
            false => Ok(roots),
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File {
        what: "certificates",
        path: path.to_owned(),
        source,
    };
    CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

#[cfg(test)]
mod tests;
