//! Why a connection ended or was not made. Told as text in [`crate::client::Event::Failed`], with its kind:
//! a refusal stays what it is until somebody changes something; what time changes is none, as that of a server
//! which is not there yet, or has too much to do, or whose clock is another.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

use crate::client::Kind;
use crate::codec::CodecError;
use crate::tls::TlsError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot find the address")]
    Resolve(#[source] io::Error),
    #[error("it has no address")]
    NoAddress,
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("cannot set up the socket")]
    Socket(#[source] io::Error),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("the server ended the connection")]
    Ended,
    #[error("the server does not answer")]
    Silent,
    #[error("the server wants TLS, and there is no certificate for it")]
    TlsWanted,
    #[error("not a host name that TLS can check")]
    Name(#[source] rustls::pki_types::InvalidDnsNameError),
    #[error(transparent)]
    Config(#[from] TlsError),
    #[error("TLS failed")]
    Tls(#[source] rustls::Error),
    #[error("TLS failed")]
    Handshake(#[source] io::Error),
    #[error("the server refuses: {0}")]
    Refused(String),
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error("cannot write the CONNECT line")]
    Json(#[source] serde_json::Error),
    #[error("cannot wait for the socket")]
    Poll(#[source] io::Error),
}

/// How complaints of a server begin that are refusals, in small letters.
const REFUSALS: [&str; 4] = [
    "authorization violation",
    "permissions violation for subscription",
    "secure connection - tls required",
    "user authentication revoked",
];

impl Failure {
    /// What kind of failure it is.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Failure::Resolve(_) | Failure::NoAddress | Failure::Connect(_) => Kind::Absence,
            _ if self.is_refusal() => Kind::Refusal,
            _ => Kind::Trouble,
        }
    }

    fn is_refusal(&self) -> bool {
        match self {
            Failure::TlsWanted | Failure::Name(_) | Failure::Config(_) | Failure::Codec(_) => true,
            Failure::Refused(text) => {
                let text = text.to_ascii_lowercase();
                REFUSALS.iter().any(|refusal| text.starts_with(refusal))
            }
            Failure::Tls(error) => refuses(error),
            // The library hides its errors in those of the socket.
            Failure::Handshake(error) | Failure::Broken(error) => error
                .get_ref()
                .and_then(|inner| inner.downcast_ref())
                .is_some_and(refuses),
            _ => false,
        }
    }
}

/// Whether either side says no to the other's certificate, or they have no language in common.
fn refuses(error: &rustls::Error) -> bool {
    use CertificateError as Certificate;
    match error {
        // By which clock?
        rustls::Error::InvalidCertificate(
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. },
        ) => false,
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::InvalidMessage(_)
        | rustls::Error::PeerIncompatible(_) => true,
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            AlertDescription::HandshakeFailure
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::ProtocolVersion
                | AlertDescription::CertificateRequired
        ),
        _ => false,
    }
}

/// The failure and its causes, each said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Failure, Kind};
    use rustls::{AlertDescription, CertificateError, Error};
    use std::io;

    #[test]
    fn what_time_may_change_is_no_refusal() {
        let refused = |text: &str| Failure::Refused(text.to_owned());
        let handshake = |error: Error| Failure::Handshake(io::Error::other(error));
        let alert = |alert| Failure::Broken(io::Error::other(Error::AlertReceived(alert)));
        for (failure, kind) in [
            (refused("Authorization Violation"), Kind::Refusal),
            (
                refused("Permissions Violation for Subscription to \"agent.x\""),
                Kind::Refusal,
            ),
            (refused("Authentication Timeout"), Kind::Trouble),
            (refused("maximum connections exceeded"), Kind::Trouble),
            (refused("Server Shutdown"), Kind::Trouble),
            (Failure::TlsWanted, Kind::Refusal),
            (
                handshake(CertificateError::UnknownIssuer.into()),
                Kind::Refusal,
            ),
            (handshake(CertificateError::Expired.into()), Kind::Trouble),
            (
                handshake(CertificateError::NotValidYet.into()),
                Kind::Trouble,
            ),
            (alert(AlertDescription::UnknownCA), Kind::Refusal),
            (alert(AlertDescription::CertificateExpired), Kind::Trouble),
            (alert(AlertDescription::InternalError), Kind::Trouble),
            (Failure::Tls(Error::HandshakeNotComplete), Kind::Trouble),
            (
                Failure::Broken(io::ErrorKind::ConnectionReset.into()),
                Kind::Trouble,
            ),
            (
                Failure::Connect(io::ErrorKind::ConnectionRefused.into()),
                Kind::Absence,
            ),
            (Failure::Silent, Kind::Trouble),
        ] {
            assert_eq!(failure.kind(), kind, "{failure:?}");
        }
    }
}
