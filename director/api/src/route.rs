//! Routes: a method, a pattern of a path and a content type lead to an endpoint.
//!
//! A wrong content type is a wrong path, as in stock: 404, not 415.

use std::future::Future;
use std::pin::Pin;

use axum::http::Method;
use axum::response::Response;

use crate::call::Call;
use crate::failure::Failure;
use crate::scopes::Need;

/// Which content types a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Any or none.
    Anything,
    /// `application/json`.
    Json,
    /// `text/yaml`.
    Yaml,
    /// A body to be written to a file.
    Archive,
}

impl Takes {
    /// Whether a `Content-Type` is taken; what is behind `;` does not count.
    pub(crate) fn takes(self, header: Option<&str>) -> bool {
        let kind = header.unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is = |wanted: &str| kind.eq_ignore_ascii_case(wanted);
        match self {
            Takes::Anything => true,
            Takes::Json => is("application/json"),
            Takes::Yaml => is("text/yaml"),
            Takes::Archive => is("application/x-compressed") || is("multipart/form-data"),
        }
    }

    /// One that is taken; `None` if any is.
    pub(crate) fn content_type(self) -> Option<&'static str> {
        match self {
            Takes::Anything => None,
            Takes::Json => Some("application/json"),
            Takes::Yaml => Some("text/yaml"),
            Takes::Archive => Some("application/x-compressed"),
        }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

/// One endpoint.
pub(crate) struct Route {
    pub method: Method,
    /// Parts of `:name` stand for anything.
    pub pattern: &'static str,
    pub takes: Takes,
    pub need: Need,
    pub answer: Box<dyn Fn(Call) -> Answer + Send + Sync>,
}

impl Route {
    /// The parameters of a path if the route is for it.
    pub(crate) fn matches(&self, segments: &[String]) -> Option<Vec<(&'static str, String)>> {
        let mut found = Vec::new();
        let mut parts = segments.iter();
        for pattern in self.pattern.split('/').filter(|part| !part.is_empty()) {
            let part = parts.next()?;
            match pattern.strip_prefix(':') {
                Some(name) => found.push((name, part.clone())),
                None if pattern == part => {}
                None => return None,
            }
        }
        parts.next().is_none().then_some(found)
    }
}

/// A route; `takes` is [`Takes::Anything`] until it is narrowed.
pub(crate) fn on<F, A>(method: Method, pattern: &'static str, need: Need, answer: F) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    Route {
        method,
        pattern,
        takes: Takes::Anything,
        need,
        answer: Box::new(move |call| Box::pin(answer(call))),
    }
}

/// `GET`.
pub(crate) fn get<F, A>(pattern: &'static str, need: Need, answer: F) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    on(Method::GET, pattern, need, answer)
}

/// `POST`.
pub(crate) fn post<F, A>(pattern: &'static str, need: Need, answer: F) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    on(Method::POST, pattern, need, answer)
}

/// `PUT`.
pub(crate) fn put<F, A>(pattern: &'static str, need: Need, answer: F) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    on(Method::PUT, pattern, need, answer)
}

/// `DELETE`.
pub(crate) fn delete<F, A>(pattern: &'static str, need: Need, answer: F) -> Route
where
    F: Fn(Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    on(Method::DELETE, pattern, need, answer)
}

impl Route {
    /// Narrows the content type.
    pub(crate) fn takes(mut self, takes: Takes) -> Self {
        self.takes = takes;
        self
    }
}
