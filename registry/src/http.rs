//! One GET, with redirects: authorization and client certificates go only to the host they are for,
//! and nobody is sent from an encrypted connection to one that is not.

mod send;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::Agent;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, ClientCert, RootCerts, TlsConfig, TlsProvider};

use crate::certificates::{Certificates, certificates, directory};
use crate::{Error, Settings};

pub(crate) use send::Body;

const MOST_REDIRECTS: usize = 5;
/// A registry that says nothing for so long will say nothing any more.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Answer = Response<ureq::Body>;

/// Connections, kept for further requests.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// For hosts without certificates of their own.
    agent: Agent,
    /// For the others, by `host[:port]`.
    special: Arc<Mutex<HashMap<String, Special>>>,
    settings: Arc<Settings>,
    /// A host, and the directory of certificates that is for it, whatever its name.
    given: Option<(String, PathBuf)>,
    /// Certificates that are trusted everywhere.
    trusted: Arc<[Certificate<'static>]>,
    is_insecure: bool,
}

/// How a host with certificates of its own is spoken to.
#[derive(Debug, Clone)]
struct Special {
    agent: Agent,
    /// How many certificates of its own are trusted.
    trusted: usize,
    has_identity: bool,
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
        let trusted = if is_insecure {
            Vec::new()
        } else {
            trusted(settings)?
        };
        Ok(Self {
            agent: agent(settings, &trusted, None, is_insecure),
            special: Arc::default(),
            settings: Arc::new(settings.clone()),
            given: None,
            trusted: trusted.into(),
            is_insecure,
        })
    }

    /// Certificates for the host of this address, and for no other that it redirects to.
    pub(crate) fn with_certificates(mut self, url: &str, directory: &Path) -> Result<Self, Error> {
        self.given = Some((authority(&parsed(url)?), directory.to_owned()));
        Ok(self)
    }

    /// Where the certificates of a host belong.
    fn place(&self, authority: &str) -> PathBuf {
        match &self.given {
            Some((host, directory)) if host == authority => directory.clone(),
            _ => self.settings.certificates.join(authority),
        }
    }

    /// What is special about speaking to a host, if anything.
    fn special(&self, authority: &str) -> Result<Option<Special>, Error> {
        let given = self.given.as_ref().filter(|(host, _)| host == authority);
        let directory = match given {
            Some((_, given)) => given.is_dir().then(|| given.clone()),
            None => directory(&self.settings.certificates, authority),
        };
        let Some(directory) = directory else {
            return Ok(None);
        };
        let mut known = self.special.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(authority) {
            return Ok(Some(known.clone()));
        }
        let found = Certificates::read(&directory)?;
        let mut all = self.trusted.to_vec();
        all.extend(found.trusted.iter().cloned());
        let made = Special {
            has_identity: found.own.is_some(),
            trusted: found.trusted.len(),
            agent: agent(&self.settings, &all, found.own, self.is_insecure),
        };
        known.insert(authority.to_owned(), made.clone());
        Ok(Some(made))
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
        let authority = authority(uri);
        let special = match uri.scheme_str() {
            Some("https") => self.special(&authority)?,
            _ => None,
        };
        let agent = special.as_ref().map_or(&self.agent, |own| &own.agent);
        let mut request = agent.get(uri);
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
            match tls_error(&source) {
                Some(Tls::Certificate) => Error::ClientCertificate {
                    what: match special.as_ref().is_some_and(|own| own.has_identity) {
                        true => "refuses the client certificate that is",
                        false => "wants a client certificate: put NAME.cert and NAME.key",
                    },
                    directory: self.place(&authority),
                    registry: authority,
                    source,
                },
                Some(Tls::Other) if !self.is_insecure => Error::Insecure {
                    registry: authority,
                    trusted: self.trusted.len() + special.map_or(0, |own| own.trusted),
                    source,
                },
                _ => Error::Transport {
                    url: shown(&uri.to_string()),
                    source,
                },
            }
        })
    }
}

/// Connections that trust these certificates, and show one where they are asked to.
fn agent(
    settings: &Settings,
    trusted: &[Certificate<'static>],
    own: Option<ClientCert>,
    is_insecure: bool,
) -> Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(trusted))
        .client_cert(own)
        .disable_verification(is_insecure)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("warren/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(settings.connect))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .build();
    config.new_agent()
}

/// As `host[:port]`.
fn authority(uri: &Uri) -> String {
    match (uri.host(), uri.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
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

/// What is wrong with TLS.
enum Tls {
    /// The other side does not like who we are.
    Certificate,
    /// It has none, or a certificate that we do not trust.
    Other,
}

fn tls_error(error: &ureq::Error) -> Option<Tls> {
    use rustls::AlertDescription as Alert;
    let error = match error {
        ureq::Error::Rustls(error) => error,
        ureq::Error::Tls(_) => return Some(Tls::Other),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>()?,
        _ => return None,
    };
    Some(match error {
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied,
        ) => Tls::Certificate,
        _ => Tls::Other,
    })
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
        all.extend(certificates(path)?);
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
