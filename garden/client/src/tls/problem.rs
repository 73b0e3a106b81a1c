//! What is wrong with a TLS connection, in terms of what can be done about it.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Why TLS was not agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsProblem {
    /// No root that we trust has signed the server's certificate.
    Untrusted,
    /// The server's certificate is over, or this machine's clock is wrong.
    Expired,
    /// The server's certificate has not begun, or this machine's clock is wrong.
    NotYetValid,
    /// The server's certificate is for other names and addresses.
    WrongName,
    /// The server wants a certificate, and we have none.
    CertificateWanted,
    /// The server does not take our certificate.
    CertificateRefused,
    /// What answers does not speak TLS.
    NoTls,
    /// Something else.
    Other,
}

impl TlsProblem {
    /// What an error of the library means.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::UnknownIssuer => Self::Untrusted,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYetValid
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => Self::WrongName,
                _ => Self::Other,
            },
            Error::AlertReceived(alert) => match alert {
                AlertDescription::CertificateRequired => Self::CertificateWanted,
                AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied => Self::CertificateRefused,
                _ => Self::Other,
            },
            Error::InvalidMessage(_) => Self::NoTls,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untrusted => "the Garden server's certificate is of nobody who is trusted here",
            Self::Expired => "the Garden server's certificate has expired",
            Self::NotYetValid => "the Garden server's certificate is not valid yet",
            Self::WrongName => "the Garden server's certificate is for another name",
            Self::CertificateWanted => "the Garden server wants a client certificate",
            Self::CertificateRefused => "the Garden server refused the client certificate",
            Self::NoTls => "what answers as the Garden server does not speak TLS",
            Self::Other => "cannot agree on TLS with the Garden server",
        })
    }
}

/// The library's error, if that is what is inside.
pub(crate) fn tls_error(error: io::Error) -> Result<Error, io::Error> {
    error.downcast::<Error>()
}
