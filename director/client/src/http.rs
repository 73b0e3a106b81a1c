//! One request: its headers, its body, and an answer that is bounded.
//!
//! Redirections are followed by path only, to the server that was asked, since directors behind
//! proxies name hosts that clients do not know. Reads are repeated when the network fails; what
//! changes something is sent once, because a lost answer does not mean that nothing was done.

use std::io::Read;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};

use crate::{Error, Settings};

/// Most bytes of an answer that is a document.
pub(crate) const MOST_BYTES: u64 = 256 << 20;
/// Most bytes of an error that are shown.
const MOST_SHOWN: u64 = 64 << 10;
const MOST_REDIRECTS: usize = 10;
/// How often a read is tried.
const TRIES: usize = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
/// A director behind a proxy may think for so long.
const PATIENCE: Duration = Duration::from_secs(900);
const CONNECT: Duration = Duration::from_secs(30);

pub(crate) type Answer = Response<ureq::Body>;

/// HTTP's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Starts or adds.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// Told how many bytes of a file have been sent.
pub type Progress<'a> = &'a mut dyn FnMut(u64);

/// What is sent.
pub enum Body<'a> {
    /// Nothing.
    None,
    /// A document, with its media type; empty if that is among the headers.
    Text(&'static str, Vec<u8>),
    /// A tarball of so many bytes.
    Stream(&'a mut dyn Read, u64),
}

/// Connections to one server.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    agent: Agent,
    base: String,
}

impl Http {
    /// To the director; its token server is reached the same way.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            agent: agent(settings)?,
            base: settings.target.to_string(),
        })
    }

    /// The same connections to another server, such as the one for tokens.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self {
            agent: self.agent.clone(),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// Asks once; any status is an answer.
    pub(crate) fn once(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<Answer, Error> {
        let url = format!("{}{path}", self.base);
        let transport = |source| Error::Transport {
            method: method.name(),
            url: without_query(&url).to_owned(),
            source: Box::new(source),
        };
        let mut request = Request::builder().method(method.name()).uri(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Body::None if matches!(method, Method::Get | Method::Delete) => {
                let request = request.body(());
                let request = request.map_err(|error| transport(ureq::Error::Http(error)))?;
                self.agent.run(request)
            }
            Body::None => {
                let request = request.body(Vec::<u8>::new());
                let request = request.map_err(|error| transport(ureq::Error::Http(error)))?;
                self.agent.run(request)
            }
            Body::Text(kind, bytes) => {
                // Two of them would be two types.
                if !kind.is_empty() {
                    request = request.header("content-type", kind);
                }
                let request = request.body(bytes);
                let request = request.map_err(|error| transport(ureq::Error::Http(error)))?;
                self.agent.run(request)
            }
            Body::Stream(mut reader, length) => {
                let request = request
                    .header("content-type", "application/x-compressed")
                    .header("content-length", length.to_string())
                    .body(ureq::SendBody::from_reader(&mut reader));
                let request = request.map_err(|error| transport(ureq::Error::Http(error)))?;
                self.agent.run(request)
            }
        };
        sent.map_err(transport)
    }

    /// Reads, again and again where the network fails, and wherever the server says.
    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, Error> {
        let mut at = path.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.get_persistently(&at, headers)?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            at = path_of(location(&answer)).ok_or_else(|| Error::Redirect {
                path: path.to_owned(),
                how: "to nowhere",
            })?;
        }
        Err(Error::Redirect {
            path: path.to_owned(),
            how: "too often",
        })
    }

    fn get_persistently(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, Error> {
        let mut tried = 1;
        loop {
            let answer = self.once(Method::Get, path, headers, Body::None);
            let is_worth_it = match &answer {
                Ok(answer) => matches!(answer.status().as_u16(), 502..=504),
                Err(Error::Transport { source, .. }) => may_pass(source),
                Err(_) => false,
            };
            if !is_worth_it || tried == TRIES {
                return answer;
            }
            tried += 1;
            sleep(BETWEEN_TRIES);
        }
    }
}

/// Whether trying again may help.
fn may_pass(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => {
            let is_tls = error
                .get_ref()
                .is_some_and(|inner| inner.is::<rustls::Error>());
            !is_tls && error.kind() != std::io::ErrorKind::InvalidData
        }
        ureq::Error::ConnectionFailed | ureq::Error::Timeout(_) => true,
        _ => false,
    }
}

/// The `Location` of an answer.
pub(crate) fn location(answer: &Answer) -> &str {
    let to = answer.headers().get("location");
    to.and_then(|to| to.to_str().ok()).unwrap_or_default()
}

/// The path, with its query, of an address or a path.
pub(crate) fn path_of(location: &str) -> Option<String> {
    let rest = match location.split_once("://") {
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
        None => location,
    };
    rest.starts_with('/').then(|| rest.to_owned())
}

/// A whole answer.
pub(crate) fn bytes(answer: Answer, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let body = answer.into_body().into_reader();
    body.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Read {
            path: without_query(path).to_owned(),
            source,
        })?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLong {
            path: without_query(path).to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// The answer if its status says yes.
pub(crate) fn good(answer: Answer) -> Result<Answer, Error> {
    let status = answer.status().as_u16();
    if matches!(status, 200 | 201 | 204 | 206 | 302 | 303) {
        return Ok(answer);
    }
    let mut body = Vec::new();
    let reader = answer.into_body().into_reader();
    // A body that breaks off still says something.
    let _ = reader.take(MOST_SHOWN).read_to_end(&mut body);
    let body = String::from_utf8_lossy(&body).trim_end().to_owned();
    Err(Error::Status { status, body })
}

pub(crate) fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn agent(settings: &Settings) -> Result<Agent, Error> {
    let roots: Vec<Certificate<'static>> = match &settings.authorities {
        Some(pem) => {
            let bad = |problem: String| Error::Certificates {
                what: "(text)".to_owned(),
                problem,
            };
            let mut roots = Vec::new();
            for item in ureq::tls::parse_pem(pem.as_bytes()) {
                match item.map_err(|error| bad(error.to_string()))? {
                    PemItem::Certificate(certificate) => roots.push(certificate),
                    _ => continue,
                }
            }
            if roots.is_empty() {
                return Err(bad("no certificate in it".to_owned()));
            }
            roots
        }
        // What cannot be read of the system's does not keep the rest from being used.
        None => rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
            .collect(),
    };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder();
    let config = match settings.is_local {
        true => config.proxy(None),
        false => config,
    };
    let config = config
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("warren/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(PATIENCE))
        // A server that dies in the middle of an answer says nothing any more.
        .timeout_per_read(Some(PATIENCE))
        .build();
    Ok(config.new_agent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_is_waited_for_for_ever() {
        let settings = Settings {
            target: crate::Target::parse("https://127.0.0.1:1").unwrap(),
            authorities: None,
            is_local: true,
        };
        let agent = agent(&settings).unwrap();
        assert_eq!(agent.config().timeout_per_read(), Some(PATIENCE));
    }

    #[test]
    fn redirections_are_paths() {
        assert_eq!(
            path_of("https://h:1/tasks/7?x=1").as_deref(),
            Some("/tasks/7?x=1")
        );
        assert_eq!(path_of("/tasks/7").as_deref(), Some("/tasks/7"));
        assert_eq!(path_of("https://h"), None);
        assert_eq!(path_of("tasks/7"), None);
        assert_eq!(path_of(""), None);
    }
}
