//! One GET, with redirects: authorization goes only to the host it is for, and nobody is sent from
//! an encrypted connection to one that is not.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::{Error, Settings};

const MOST_REDIRECTS: usize = 5;
/// A registry that says nothing for so long will say nothing any more.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Answer = Response<ureq::Body>;

/// Connections, kept for further requests.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    agent: Agent,
    trusted: usize,
    is_insecure: bool,
}

/// What a request carries.
#[derive(Clone, Copy, Default)]
pub(crate) struct Headers<'a> {
    pub accept: Option<&'a str>,
    pub authorization: Option<&'a str>,
    /// First byte wanted; 0 is all.
    pub from: u64,
}

impl Client {
    /// `is_insecure`: certificates are not checked, and connections need not be encrypted.
    pub(crate) fn new(settings: &Settings, is_insecure: bool) -> Result<Self, Error> {
        let certificates = if is_insecure {
            Vec::new()
        } else {
            trusted(settings)?
        };
        let trusted = certificates.len();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::new_with_certs(&certificates))
            .disable_verification(is_insecure)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("warren/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(15)))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .build();
        Ok(Self {
            agent: config.new_agent(),
            trusted,
            is_insecure,
        })
    }

    pub(crate) fn is_insecure(&self) -> bool {
        self.is_insecure
    }

    /// Asks, following redirects. Any status that is none of those is an answer.
    pub(crate) fn get(&self, url: &str, headers: Headers<'_>) -> Result<Answer, Error> {
        let mut at = parsed(url)?;
        let mut headers = headers;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.once(&at, headers)?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let to = answer.headers().get("location");
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or_default();
            let next = joined(&at, to).ok_or_else(|| Error::Redirect {
                url: shown(url),
                how: "to nowhere",
            })?;
            let was_safe = at.scheme_str() == Some("https");
            if was_safe && next.scheme_str() != Some("https") && !self.is_insecure {
                return Err(Error::Redirect {
                    url: shown(url),
                    how: "to a connection without encryption",
                });
            }
            if next.authority() != at.authority() || next.scheme() != at.scheme() {
                headers.authorization = None;
            }
            at = next;
        }
        Err(Error::Redirect {
            url: shown(url),
            how: "too often",
        })
    }

    fn once(&self, uri: &Uri, headers: Headers<'_>) -> Result<Answer, Error> {
        let mut request = self.agent.get(uri);
        if let Some(accept) = headers.accept {
            request = request.header("accept", accept);
        }
        if let Some(authorization) = headers.authorization {
            request = request.header("authorization", authorization);
        }
        if headers.from > 0 {
            request = request.header("range", format!("bytes={}-", headers.from));
        }
        request.call().map_err(|error| {
            let source = Box::new(error);
            if is_about_tls(&source) && !self.is_insecure {
                let authority = uri.authority().map(|authority| authority.as_str());
                return Error::Insecure {
                    registry: authority.unwrap_or_default().to_owned(),
                    trusted: self.trusted,
                    source,
                };
            }
            Error::Transport {
                url: shown(&uri.to_string()),
                source,
            }
        })
    }
}

fn parsed(url: &str) -> Result<Uri, Error> {
    url.parse::<Uri>().map_err(|error| Error::Transport {
        url: shown(url),
        source: Box::new(ureq::Error::Http(error.into())),
    })
}

/// The address that a `location` names. Source: RFC 3986, the forms that servers send.
fn joined(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.parse().ok();
    }
    let scheme = base.scheme_str()?;
    if location.starts_with("//") {
        return format!("{scheme}:{location}").parse().ok();
    }
    let path = location.starts_with('/').then_some(location)?;
    format!("{scheme}://{}{path}", base.authority()?)
        .parse()
        .ok()
}

/// Whether the other side has no TLS, or a certificate that we do not trust.
fn is_about_tls(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        ureq::Error::Io(error) => {
            let inner = error.get_ref();
            inner.is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
        }
        _ => false,
    }
}

/// The system's certificates and those of the settings.
fn trusted(settings: &Settings) -> Result<Vec<Certificate<'static>>, Error> {
    // What cannot be read of the system's does not keep the rest from being used.
    let system = rustls_native_certs::load_native_certs().certs;
    let mut all: Vec<_> = system
        .iter()
        .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
        .collect();
    for path in &settings.trusted {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Certificates {
            path: path.clone(),
            source,
        };
        let pem = std::fs::read(path).map_err(|error| failed(error.into()))?;
        for item in ureq::tls::parse_pem(&pem) {
            if let ureq::tls::PemItem::Certificate(certificate) =
                item.map_err(|error| failed(error.into()))?
            {
                all.push(certificate);
            }
        }
    }
    Ok(all)
}

/// A URL as it may be told: without user, password and query.
pub(crate) fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else {
        return plain.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// A whole answer that is a document.
pub(crate) fn document(answer: Answer, url: &str, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let body = answer.into_body().into_reader();
    let read = body.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| Error::Read {
        url: shown(url),
        source,
    })?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLong {
            url: shown(url),
            limit,
        });
    }
    Ok(bytes)
}
