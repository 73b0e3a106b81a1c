//! Who we are: a user with a password, or a token of a token server (UAA).

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::http::{self, Body, Http, Method};
use crate::{Error, Query};

/// Most bytes of a token server's answer.
const MOST_BYTES: u64 = 1 << 20;

/// How to prove who we are.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Not at all.
    #[default]
    Nobody,
    /// HTTP basic, or a client of the token server where the director has one.
    User {
        /// User or client.
        name: String,
        /// Password or secret.
        password: String,
    },
    /// A token that the token server exchanges for others.
    Refresh(String),
}

/// The header that goes with each request.
#[derive(Clone, Default)]
pub(crate) struct Authorization {
    credentials: Credentials,
    /// Token server.
    tokens: Option<Http>,
    header: Arc<Mutex<Option<String>>>,
}

#[derive(Deserialize)]
struct Token {
    token_type: String,
    access_token: String,
}

impl Authorization {
    pub(crate) fn new(credentials: Credentials, tokens: Option<Http>) -> Self {
        Self {
            credentials,
            tokens,
            header: Arc::default(),
        }
    }

    /// The header's value.
    pub(crate) fn header(&self) -> Result<Option<String>, Error> {
        match (&self.credentials, &self.tokens) {
            (Credentials::Nobody, _) => Ok(None),
            (Credentials::User { name, password }, None) => Ok(Some(basic(name, password))),
            (Credentials::Refresh(_), None) => Ok(None),
            (credentials, Some(tokens)) => {
                let mut kept = self.header.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.is_none() {
                    *kept = Some(token(tokens, credentials)?);
                }
                Ok(kept.clone())
            }
        }
    }

    /// Forgets a token; whether another may be better.
    pub(crate) fn forget(&self) -> bool {
        let mut kept = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take().is_some()
    }
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn token(server: &Http, credentials: &Credentials) -> Result<String, Error> {
    let (client, form) = match credentials {
        Credentials::User { name, password } => (
            basic(name, password),
            Query::new().with("grant_type", "client_credentials"),
        ),
        Credentials::Refresh(token) => (
            basic("bosh_cli", ""),
            Query::new()
                .with("grant_type", "refresh_token")
                .with("refresh_token", token),
        ),
        Credentials::Nobody => return Err(Error::Token("was not asked".to_owned())),
    };
    let form = form.as_str().trim_start_matches('?').as_bytes().to_vec();
    let headers = [("accept", "application/json"), ("authorization", &client)];
    let body = Body::Text("application/x-www-form-urlencoded", form);
    let path = "/oauth/token";
    let answer = server.once(Method::Post, path, &headers, body)?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(Error::Token(format!("answered with status {status}")));
    }
    let bytes = http::bytes(answer, path, MOST_BYTES)?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|source| Error::Unmarshal {
        path: path.to_owned(),
        source,
    })?;
    Ok(format!("{} {}", token.token_type, token.access_token))
}
