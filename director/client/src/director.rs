//! One director: requests with who we are, and answers as documents.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::authorization::{Authorization, Credentials, Keep};
use crate::http::{self, Answer, Body, Http, MOST_BYTES, Method};
use crate::uaa::TokenServer;
use crate::{Error, Target};

/// How to reach a director.
#[derive(Clone)]
pub struct Settings {
    /// Where it is.
    pub target: Target,
    /// Authorities to trust (PEM) instead of the system's.
    pub authorities: Option<String>,
    /// Past the proxies that variables of the environment name: a director in a container of this
    /// machine is reached by this machine alone.
    pub is_local: bool,
}

/// Any answer.
#[derive(Debug, Clone)]
pub struct Raw {
    /// HTTP's.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What came with it.
    pub body: Vec<u8>,
}

/// The header by which the director's logs name what one run of ours asked for.
const REQUEST_ID: &str = "x-bosh-request-id";

/// A director.
#[derive(Clone)]
pub struct Director {
    http: Http,
    authorization: Authorization,
    request_id: Option<Arc<str>>,
}

/// An id that no other run has; none where the kernel gives no randomness.
fn new_request_id() -> Option<Arc<str>> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")
        .ok()?
        .read_exact(&mut bytes)
        .ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(hex.into())
}

impl Director {
    /// Asks as nobody.
    ///
    /// # Errors
    /// [`Error::Certificates`].
    pub fn anonymous(settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            http: Http::new(settings)?,
            authorization: Authorization::default(),
            request_id: new_request_id(),
        })
    }

    /// The same director, asked as somebody; `tokens` is the address of its token server, if it has
    /// one.
    #[must_use]
    pub fn signed_in(&self, credentials: Credentials, tokens: Option<&str>) -> Self {
        self.signed_in_keeping(credentials, tokens, None)
    }

    /// The same; each new refresh token is given to `keep` before it is needed.
    #[must_use]
    pub fn signed_in_keeping(
        &self,
        credentials: Credentials,
        tokens: Option<&str>,
        keep: Option<Keep>,
    ) -> Self {
        let tokens = tokens.map(|base| self.token_server(base));
        Self {
            http: self.http.clone(),
            authorization: Authorization::new(credentials, tokens, keep),
            request_id: self.request_id.clone(),
        }
    }

    /// What the director's logs call all requests of this and of what was made from it.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The token server at this address, trusted as the director is.
    pub fn token_server(&self, base: &str) -> TokenServer {
        TokenServer::new(self.http.at(base))
    }

    fn with_header<T>(
        &self,
        extra: &[(&str, &str)],
        call: impl FnOnce(&[(&str, &str)]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let header = self.authorization.header()?;
        let mut headers = extra.to_vec();
        if let Some(value) = &header {
            headers.push(("authorization", value));
        }
        if let Some(id) = &self.request_id {
            headers.push((REQUEST_ID, id));
        }
        call(&headers)
    }

    /// Reads; a token that has run out is renewed once. Any status is an answer.
    pub(crate) fn ask(&self, path: &str, extra: &[(&str, &str)]) -> Result<Answer, Error> {
        let ask = || self.with_header(extra, |headers| self.http.get(path, headers));
        let answer = ask()?;
        match answer.status().as_u16() == 401 && self.authorization.forget() {
            true => ask(),
            false => Ok(answer),
        }
    }

    /// A document.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = http::good(self.ask(path, &[])?)?;
        parsed(&http::bytes(answer, path, MOST_BYTES)?, path)
    }

    /// Changes something. A token that is refused is renewed once, since nothing was done; what is
    /// streamed cannot be sent again.
    pub(crate) fn send(&self, method: Method, path: &str, body: Body<'_>) -> Result<Answer, Error> {
        let again = match &body {
            Body::None => Some(Body::None),
            Body::Text(kind, bytes) => Some(Body::Text(kind, bytes.clone())),
            Body::Stream(..) => None,
        };
        let once =
            |body| self.with_header(&[], |headers| self.http.once(method, path, headers, body));
        let answer = once(body)?;
        let is_refused = answer.status().as_u16() == 401;
        http::good(match again {
            Some(body) if is_refused && self.authorization.forget() => once(body)?,
            _ => answer,
        })
    }

    /// Changes something, and reads the document that comes back.
    pub(crate) fn send_for<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body<'_>,
    ) -> Result<T, Error> {
        let answer = self.send(method, path, body)?;
        parsed(&http::bytes(answer, path, MOST_BYTES)?, path)
    }

    /// Starts a task; its number.
    pub(crate) fn start(&self, method: Method, path: &str, body: Body<'_>) -> Result<u64, Error> {
        let answer = self.send(method, path, body)?;
        let location = http::location(&answer);
        let task = http::path_of(location).and_then(|at| {
            let id = http::without_query(&at).strip_prefix("/tasks/")?;
            id.parse().ok()
        });
        task.ok_or_else(|| Error::NoTask {
            path: http::without_query(path).to_owned(),
            location: location.chars().take(200).collect(),
        })
    }

    /// Any request, for `curl`: status, headers and body, whatever they are.
    ///
    /// # Errors
    /// [`Error::Transport`], [`Error::TooLong`].
    pub fn raw(
        &self,
        method: Method,
        path: &str,
        extra: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Raw, Error> {
        let answer = match method {
            Method::Get => self.ask(path, extra)?,
            method => {
                let kind = extra
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                let body = match (body.is_empty(), kind) {
                    (true, None) => Body::None,
                    // The caller's type stands alone.
                    (_, Some(_)) => Body::Text("", body),
                    (false, None) => Body::Text("application/x-www-form-urlencoded", body),
                };
                self.with_header(extra, |headers| self.http.once(method, path, headers, body))?
            }
        };
        let status = answer.status().as_u16();
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        });
        let headers = headers.collect();
        Ok(Raw {
            status,
            headers,
            body: http::bytes(answer, path, MOST_BYTES)?,
        })
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], path: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Unmarshal {
        path: http::without_query(path).to_owned(),
        source,
    })
}
