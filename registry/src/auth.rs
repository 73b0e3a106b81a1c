//! Tokens for registries that ask for them.
//!
//! Source: Docker's token authentication specification.

use serde::Deserialize;

use crate::http::{Client, Headers, document, shown};
use crate::{Credentials, Error};

/// Most bytes of a token server's answer.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Gets a token to pull from `repository`; answers an `Authorization` header.
pub(crate) fn bearer(
    client: &Client,
    registry: &str,
    repository: &str,
    challenge: (&str, Option<&str>, Option<&str>),
    credentials: Option<&Credentials>,
) -> Result<String, Error> {
    let (realm, service, scope) = challenge;
    if !realm.starts_with("https://") && !client.is_insecure() {
        return Err(Error::Challenge {
            registry: registry.to_owned(),
            how: "at a place without encryption",
        });
    }
    let own = format!("repository:{repository}:pull");
    let mut url = realm.to_owned();
    let mut separator = if realm.contains('?') { '&' } else { '?' };
    for (key, value) in [("service", service), ("scope", Some(scope.unwrap_or(&own)))] {
        if let Some(value) = value {
            url += &format!("{separator}{key}={}", encoded(value));
            separator = '&';
        }
    }
    let basic = credentials.map(Credentials::basic);
    let headers = Headers {
        authorization: basic.as_deref(),
        ..Headers::default()
    };
    let answer = client.get(&url, headers)?;
    let status = answer.status().as_u16();
    match status {
        200..=299 => {}
        400 | 401 | 403 if credentials.is_some() => {
            return Err(Error::Unauthorized {
                registry: registry.to_owned(),
            });
        }
        401 | 403 => {
            return Err(Error::NotFound {
                url: format!("{registry}/{repository}"),
            });
        }
        _ => {
            return Err(Error::Status {
                url: shown(&url),
                status,
                message: String::new(),
            });
        }
    }
    let bytes = document(answer, &url, MOST_BYTES)?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|source| Error::Malformed {
        url: shown(&url),
        source,
    })?;
    let token = token.token.or(token.access_token).unwrap_or_default();
    Ok(format!("Bearer {token}"))
}

/// Percent-encoding of all that is not unreserved. Source: RFC 3986.
fn encoded(text: &str) -> String {
    let mut result = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                result.push(char::from(byte));
            }
            _ => result += &format!("%{byte:02X}"),
        }
    }
    result
}
