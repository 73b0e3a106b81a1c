//! From method and path to route and parameters, as the stock router does it.
//!
//! Segments are compared as they came, without decoding; a parameter takes a
//! whole segment, which is then decoded with query rules ([`crate::escape`]).
//! A parameter may be empty, but not at the end of a path. A trailing slash is
//! another path. A `HEAD` request finds the `GET` routes.

use std::collections::BTreeMap;

use super::table::{Entry, Method, Route, TABLE};
use crate::escape;

/// Decoded parameters of a path, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Parameters with the container's handle.
    #[must_use]
    pub fn handle(handle: &str) -> Self {
        Self::new().with("handle", handle)
    }

    /// The same with one more parameter, `pid`, `streamid` or `key`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// What a request was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The call.
    pub route: Route,
    /// The path's parameters.
    pub params: Params,
}

/// Why a request is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// No route has such a path: answer 404.
    #[error("404 page not found")]
    NotFound,
    /// Routes with such a path have other methods: answer 405.
    #[error("Method Not Allowed")]
    MethodNotAllowed {
        /// Value of the answer's `Allow` header.
        allow: String,
    },
}

impl NoRoute {
    /// The status code of the answer; its body is this error's text.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::MethodNotAllowed { .. } => 405,
        }
    }
}

/// Finds the call for `method` and `path`; `path` is raw, without a query (see
/// [`split_target`]).
///
/// # Errors
///
/// [`NoRoute`] says which answer the client is to get.
pub fn find(method: &str, path: &str) -> Result<Found, NoRoute> {
    let wanted = if method == "HEAD" { "GET" } else { method };
    let mut others: Vec<Method> = Vec::new();
    for entry in TABLE {
        let Some(params) = matched(entry, path) else {
            continue;
        };
        if entry.method.name() == wanted {
            return Ok(Found {
                route: entry.route,
                params,
            });
        }
        others.push(entry.method);
    }
    if others.is_empty() {
        return Err(NoRoute::NotFound);
    }
    others.sort_unstable();
    others.dedup();
    let mut names: Vec<&str> = others.iter().map(|method| method.name()).collect();
    if others.contains(&Method::Get) {
        names.push("HEAD");
        names.sort_unstable();
    }
    Err(NoRoute::MethodNotAllowed {
        allow: names.join(", "),
    })
}

/// Splits a request target into path and query, without the `?`. An absolute
/// target (`http://api/ping`) loses its scheme and host.
#[must_use]
pub fn split_target(target: &str) -> (&str, &str) {
    let relative = match target.find("://") {
        Some(at) if !target.starts_with('/') => {
            let rest = &target[at + 3..];
            rest.find(['/', '?']).map_or("", |slash| &rest[slash..])
        }
        _ => target,
    };
    relative.split_once('?').unwrap_or((relative, ""))
}

fn matched(entry: &Entry, path: &str) -> Option<Params> {
    let mut params = Params::new();
    let mut segments = path.split('/');
    let mut last = "";
    for wanted in entry.pattern.split('/') {
        last = segments.next()?;
        match wanted.strip_prefix(':') {
            Some(name) => params = params.with(name, &escape::decode(last)?),
            None if wanted == last => {}
            None => return None,
        }
    }
    (segments.next().is_none() && !last.is_empty()).then_some(params)
}
