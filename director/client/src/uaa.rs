//! A token server (UAA): what it asks users for, and the tokens that it gives.
//!
//! ```text
//! GET  /login           -> {"prompts":{"username":["text","Email"],"password":["password","Password"]}}
//! POST /oauth/token     form: grant_type=client_credentials | password + answers | refresh_token
//!                       who asks, in HTTP basic: the client, or `bosh_cli` without a secret
//!                    -> {"token_type":"bearer","access_token":..,"refresh_token":..,"expires_in":43199}
//! ```

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::error::Stepped;
use crate::http::{self, Body, Http, Method};
use crate::{Error, Query};

/// Most bytes of a token server's answer.
const MOST_BYTES: u64 = 1 << 20;
/// The client that users come through.
const USERS: &str = "bosh_cli";
const PATH: &str = "/oauth/token";

/// A token server.
#[derive(Debug, Clone)]
pub struct TokenServer {
    http: Http,
}

/// Something that it asks a user for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The answer's name.
    pub key: String,
    /// What to show.
    pub label: String,
    /// Whether the answer must not show.
    pub is_secret: bool,
}

/// What it gives.
#[derive(Debug, Clone, Deserialize)]
pub struct Tokens {
    /// What stands before the token in the header, such as `bearer`.
    pub token_type: String,
    /// For the director.
    pub access_token: String,
    /// For another of these, where there is one.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// Seconds for which the access token is good.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// What a token says of its owner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The user.
    #[serde(default)]
    pub user_name: String,
    /// What the user may do.
    #[serde(default)]
    pub scope: Vec<String>,
}

impl Claims {
    /// Of a token of three parts; nothing of any other. The signature is the director's business.
    pub fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('='));
        serde_json::from_slice(&bytes.ok()?).ok()
    }
}

impl TokenServer {
    pub(crate) fn new(http: Http) -> Self {
        Self { http }
    }

    /// What it asks users for, names before secrets.
    ///
    /// # Errors
    /// [`Error`].
    pub fn prompts(&self) -> Result<Vec<Prompt>, Error> {
        #[derive(Deserialize)]
        struct Login {
            prompts: BTreeMap<String, (String, String)>,
        }
        let step = || "Requesting UAA prompts".to_owned();
        let path = "/login";
        let answer = self.http.get(path, &[("accept", "application/json")]);
        let answer = answer.and_then(http::good).step(step)?;
        let bytes = http::bytes(answer, path, MOST_BYTES)?;
        let login: Login = unmarshalled(&bytes, path).step(step)?;
        let all = login
            .prompts
            .into_iter()
            .map(|(key, (kind, label))| Prompt {
                is_secret: kind == "password",
                key,
                label,
            });
        let mut all: Vec<Prompt> = all.collect();
        // A passcode is for those who have no password here: last, and empty means none.
        all.sort_by_key(|prompt| (prompt.is_secret, prompt.key != "password"));
        Ok(all)
    }

    /// For a client.
    ///
    /// # Errors
    /// [`Error`].
    pub fn client(&self, name: &str, secret: &str) -> Result<Tokens, Error> {
        let form = Query::new().with("grant_type", "client_credentials");
        self.ask((name, secret), &form)
            .step(|| "Requesting token via client credentials grant".to_owned())
    }

    /// For a user, by the answers to the prompts.
    ///
    /// # Errors
    /// [`Error`].
    pub fn user(&self, answers: &[(String, String)]) -> Result<Tokens, Error> {
        let mut form = Query::new().with("grant_type", "password");
        for (key, value) in answers {
            form = form.with(key, value);
        }
        self.ask((USERS, ""), &form)
            .step(|| "Requesting token via resource owner password credentials grant".to_owned())
    }

    /// For whoever has a refresh token.
    ///
    /// # Errors
    /// [`Error`].
    pub fn refresh(&self, token: &str) -> Result<Tokens, Error> {
        let form = Query::new()
            .with("grant_type", "refresh_token")
            .with("refresh_token", token);
        self.ask((USERS, ""), &form)
            .step(|| "Refreshing token".to_owned())
    }

    fn ask(&self, (name, secret): (&str, &str), form: &Query) -> Result<Tokens, Error> {
        let form = form.as_str().trim_start_matches('?').as_bytes().to_vec();
        let who = basic(name, secret);
        let headers = [("accept", "application/json"), ("authorization", &*who)];
        let body = Body::Text("application/x-www-form-urlencoded", form);
        let answer = self.http.once(Method::Post, PATH, &headers, body)?;
        let status = answer.status().as_u16();
        let bytes = http::bytes(answer, PATH, MOST_BYTES)?;
        if status != 200 {
            return Err(Error::Token {
                status,
                why: refusal(&bytes),
            });
        }
        unmarshalled(&bytes, PATH)
    }
}

/// Why the server says no; nothing but its own words, since answers may hold what was asked.
fn refusal(bytes: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
        error_description: String,
    }
    let refusal: Refusal = serde_json::from_slice(bytes).unwrap_or_default();
    let words = [refusal.error, refusal.error_description];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = words.join(" ");
    text.trim().chars().take(300).collect()
}

fn unmarshalled<T: serde::de::DeserializeOwned>(bytes: &[u8], path: &str) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Unmarshal {
        path: path.to_owned(),
        source,
    })
}

/// HTTP basic.
pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_token_or_none(text in "[\\PC.]{0,60}", claims in "\\PC{0,60}") {
            let _ = Claims::of(&text);
            let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
            let _ = Claims::of(&token);
        }
    }

    #[test]
    fn a_token_names_its_owner() {
        let claims =
            URL_SAFE_NO_PAD.encode(r#"{"user_name":"admin","scope":["openid","bosh.admin"]}"#);
        let found = Claims::of(&format!("e30.{claims}.c2ln")).unwrap();
        assert_eq!(found.user_name, "admin");
        assert_eq!(found.scope, ["openid", "bosh.admin"]);
        for none in [
            "",
            "opaque",
            "a.b",
            "a.b.c",
            &format!("e30.{claims}.c2ln.x"),
        ] {
            assert_eq!(Claims::of(none), None, "{none}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_few_words() {
        let text = br#"{"error":"unauthorized","error_description":"Bad credentials"}"#;
        assert_eq!(refusal(text), "unauthorized Bad credentials");
        assert_eq!(refusal(b"<html>"), "");
    }
}
