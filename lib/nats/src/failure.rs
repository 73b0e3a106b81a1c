//! Why a connection ended or was not made. Told as text in [`crate::client::Event::Failed`].

use std::io;

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

/// The failure and its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
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
