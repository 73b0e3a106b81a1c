//! What a registry wants to know of whoever asks.
//!
//! Source: RFC 9110 (`WWW-Authenticate`), Docker's token authentication specification.

use std::collections::HashMap;

use serde::Deserialize;

use crate::http::{Client, Headers, document, shown};
use crate::{Credentials, Error};

/// Most bytes of a token server's answer.
const MOST_BYTES: u64 = 1 << 20;

/// What is asked for in a `WWW-Authenticate` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token from somewhere.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenge that we can answer best, of all headers of that name.
    pub(crate) fn find<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut found = None;
        for header in headers {
            for (scheme, mut parameters) in schemes(header) {
                if scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = parameters.remove("realm")
                {
                    return Some(Challenge::Bearer {
                        realm,
                        service: parameters.remove("service"),
                        scope: parameters.remove("scope"),
                    });
                }
                if scheme.eq_ignore_ascii_case("basic") {
                    found = Some(Challenge::Basic);
                }
            }
        }
        found
    }
}

/// Splits `Bearer realm="...",service="..." , Basic realm=x` into schemes and their parameters.
pub(crate) fn schemes(header: &str) -> Vec<(String, HashMap<String, String>)> {
    let mut all: Vec<(String, HashMap<String, String>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() && after.is_empty() {
            return all;
        }
        let after_space = after.trim_start_matches([' ', '\t']);
        match after_space.strip_prefix('=') {
            Some(value) if !word.is_empty() => {
                let (value, more) = quoted(value.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = all.last_mut() {
                    parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                }
                rest = more;
            }
            // A lone `=`: no header of sense, but not one to stay at for ever either.
            Some(more) => rest = more,
            None => {
                all.push((word.to_owned(), HashMap::new()));
                rest = after;
            }
        }
    }
}

/// A token or quoted string, and what follows it.
fn quoted(text: &str) -> (String, &str) {
    let Some(inside) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, inside.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

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
