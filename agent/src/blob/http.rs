//! GET and PUT of blobs. A URL is a secret where it is signed, so errors show it without its query.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};
use warren_wire_agent::method::arguments::Headers;

use crate::files::{FileError, failed};
use crate::full::is_full;

const CONNECT: Duration = Duration::from_secs(10);
/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of what comes with a refusal that are told.
const LINE: u64 = 300;
/// How often an upload is tried.
const TRIES: u32 = 3;
/// Where systems keep the authorities that they trust.
const BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// HTTP failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// No answer.
    #[error("cannot {method} {url}")]
    Transport {
        /// `GET` or `PUT`.
        method: &'static str,
        /// Without its query.
        url: String,
        /// Why not.
        source: Box<ureq::Error>,
    },
    /// Another answer.
    #[error("{method} {url} was answered with {status}{said}")]
    Status {
        /// `GET` or `PUT`.
        method: &'static str,
        /// Without its query.
        url: String,
        /// The status.
        status: u16,
        /// What came with it, after a colon, if anything did.
        said: String,
    },
    /// The content ended early.
    #[error("the content of {url} broke off")]
    Content {
        /// Without its query.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// A certificate.
    #[error("the authority's certificate cannot be read")]
    Certificate(#[source] Box<ureq::Error>),
}

impl HttpError {
    /// Whether it may go better the next time.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Content { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

/// A client with certain authorities.
pub struct Client {
    agent: Agent,
}

impl Client {
    /// Trusts whom the system trusts, the director's certificates among them.
    ///
    /// # Errors
    /// None now; a bundle that cannot be read is as an empty one, and TLS says so.
    pub fn system() -> Result<Self, HttpError> {
        Self::also_trusting(None)
    }

    /// Trusts whom the system trusts, and one authority more, given in PEM.
    ///
    /// # Errors
    /// [`HttpError::Certificate`].
    pub fn also_trusting(ca: Option<&str>) -> Result<Self, HttpError> {
        let bundle = BUNDLES.iter().find_map(|path| std::fs::read(path).ok());
        let system = bundle.map(|pem| certificates(&pem).unwrap_or_default());
        let mut all = system.unwrap_or_default();
        if let Some(ca) = ca {
            all.extend(certificates(ca.as_bytes())?);
        }
        Ok(Self::with(all))
    }

    /// Trusts one authority, given in PEM.
    ///
    /// # Errors
    /// [`HttpError::Certificate`].
    pub fn trusting(ca: &str) -> Result<Self, HttpError> {
        Ok(Self::with(certificates(ca.as_bytes())?))
    }

    fn with(certificates: Vec<Certificate<'static>>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::new_with_certs(&certificates))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent(concat!("warren-agent/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .build();
        Self {
            agent: config.new_agent(),
        }
    }

    /// Fetches into a file.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn get(
        &self,
        url: &str,
        headers: &Headers,
        authorization: Option<&str>,
        to: &Path,
    ) -> Result<(), HttpError> {
        let mut request = self.agent.get(url);
        for (name, value) in headers {
            request = request.header(name, &value.0);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request
            .call()
            .map_err(|error| transport("GET", url, error))?;
        let answer = check("GET", url, answer)?;
        let mut file = File::create(to).map_err(failed("make", to))?;
        let mut content = answer.into_body().into_reader();
        let copied = io::copy(&mut content, &mut file);
        match copied {
            // Ours, not the sender's: it would be the same again.
            Err(error) if is_full(&error) => Err(failed("write", to)(error).into()),
            Err(source) => Err(HttpError::Content {
                url: shown(url),
                source,
            }),
            Ok(_) => Ok(()),
        }
    }

    /// Stores a file; tried again where that may help.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn put(
        &self,
        url: &str,
        headers: &Headers,
        authorization: Option<&str>,
        file: &Path,
    ) -> Result<(), HttpError> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.put_once(url, headers, authorization, file) {
                Err(error) if tried < TRIES && error.may_heal() => {
                    std::thread::sleep(Duration::from_millis(200 * u64::from(tried)));
                }
                done => return done,
            }
        }
    }

    fn put_once(
        &self,
        url: &str,
        headers: &Headers,
        authorization: Option<&str>,
        file: &Path,
    ) -> Result<(), HttpError> {
        let mut request = self.agent.put(url);
        for (name, value) in headers {
            request = request.header(name, &value.0);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let content = File::open(file).map_err(failed("open", file))?;
        // The length of a file goes into a header.
        let answer = request
            .send(content)
            .map_err(|error| transport("PUT", url, error))?;
        check("PUT", url, answer).map(drop)
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, HttpError> {
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| HttpError::Certificate(Box::new(error)))?
        {
            found.push(certificate);
        }
    }
    Ok(found)
}

fn transport(method: &'static str, url: &str, error: ureq::Error) -> HttpError {
    HttpError::Transport {
        method,
        url: shown(url),
        source: Box::new(error),
    }
}

fn check(
    method: &'static str,
    url: &str,
    answer: Response<Body>,
) -> Result<Response<Body>, HttpError> {
    let status = answer.status().as_u16();
    if (200..300).contains(&status) {
        return Ok(answer);
    }
    Err(HttpError::Status {
        method,
        url: shown(url),
        status,
        said: said(answer.into_body().into_reader()),
    })
}

/// The first line of a text, as the end of a sentence.
fn said(from: impl Read) -> String {
    let mut text = Vec::new();
    // What cannot be read says nothing.
    let _of_no_use = from.take(LINE).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default().trim();
    let line: String = line.chars().filter(|char| !char.is_control()).collect();
    match line.is_empty() {
        true => String::new(),
        false => format!(": {line}"),
    }
}

/// A URL without user, password and query.
fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
            let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
            format!("{scheme}://{place}/{path}")
        }
        None => "(a URL without a scheme)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn urls_lose_their_secrets() {
        assert_eq!(
            shown("https://u:p@h:1/signed/ab/id?st=x"),
            "https://h:1/signed/ab/id"
        );
        assert_eq!(shown("secret"), "(a URL without a scheme)");
    }
}
