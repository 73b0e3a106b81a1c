//! TLS of servers out of PEM texts.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// TLS cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate.
    #[error("the server's certificate cannot be read")]
    Certificate(#[source] rustls::pki_types::pem::Error),
    /// The key.
    #[error("the server's key cannot be read")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// Both together.
    #[error("the server's certificate and key do not go together")]
    Pair(#[source] rustls::Error),
}

/// A server with this certificate chain and key, TLS 1.2 and 1.3, with session tickets: clients that
/// ask twice a second need not shake hands in full each time.
///
/// # Errors
/// [`TlsError`].
pub fn server_config(certificate: &str, key: &str) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(TlsError::Pair)?;
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(TlsError::Pair)?;
    Ok(Arc::new(config))
}
