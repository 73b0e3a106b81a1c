//! TLS with a certificate of our own, and a server whose name is checked twice: the library's own
//! check against the names in the certificate, and one of the subject's common name.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::der;

/// PEM texts of a TLS client.
#[derive(Clone, Default)]
pub struct Tls {
    /// Authorities that a server's certificate may come from.
    pub ca: String,
    /// Our certificate; empty for none.
    pub certificate: String,
    /// Its key: PKCS #1, PKCS #8 or SEC 1.
    pub private_key: String,
    /// Which common names a server may have; none: any.
    pub common_name: Option<fn(&str) -> bool>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(hidden)")
    }
}

/// TLS cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority.
    #[error("the certificate of the NATS server's authority cannot be read")]
    Authority(#[source] rustls::pki_types::pem::Error),
    /// No authority, or one that cannot be used.
    #[error("no certificate of the NATS server's authority can be used")]
    NoAuthority,
    /// The own certificate.
    #[error("the client certificate for NATS cannot be read")]
    Certificate(#[source] rustls::pki_types::pem::Error),
    /// The key.
    #[error("the client key for NATS cannot be read")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("the client certificate and key for NATS cannot be used")]
    Pair(#[source] Error),
    /// The verifier.
    #[error("the NATS server's authority cannot be used")]
    Verifier(#[source] rustls::client::VerifierBuilderError),
}

impl Tls {
    /// The configuration.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.ca.as_bytes()) {
            let certificate = certificate.map_err(TlsError::Authority)?;
            // One that cannot be used does not spoil the others.
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(TlsError::NoAuthority);
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(TlsError::Verifier)?;
        let verifier = Arc::new(TwiceChecked {
            inner: verifier,
            common_name: self.common_name,
        });
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        if self.certificate.is_empty() {
            return Ok(Arc::new(builder.with_no_client_auth()));
        }
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Certificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(self.private_key.as_bytes()).map_err(TlsError::Key)?;
        let config = builder.with_client_auth_cert(chain, key);
        Ok(Arc::new(config.map_err(TlsError::Pair)?))
    }
}

/// The library's check, and then that of the common name.
#[derive(Debug)]
struct TwiceChecked {
    inner: Arc<WebPkiServerVerifier>,
    common_name: Option<fn(&str) -> bool>,
}

impl ServerCertVerifier for TwiceChecked {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let Some(accepts) = self.common_name else {
            return Ok(verified);
        };
        let name = der::common_name(end_entity).unwrap_or_default();
        if accepts(&name) {
            Ok(verified)
        } else {
            Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
