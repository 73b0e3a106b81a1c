//! What a request is answered with when it cannot be done.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use warren_director_blobstore as blobstore;
use warren_director_store as store;
use warren_lib_errchain::chain;
use warren_wire_manifest::check::Invalid;

/// A refusal, or a fault of our own.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Status, the director's error code, and a text that clients may show or search.
    Code(StatusCode, u32, String),
    /// Status and a bare text.
    Text(StatusCode, String),
    /// Who is it? With the path.
    NotAuthenticated(String),
    /// There is no such endpoint. With the path.
    NoEndpoint(String),
    /// A config is not the one that the client thinks.
    Stale {
        /// The newest id, `0` if there is none.
        latest: String,
        /// What the client said.
        expected: String,
    },
}

impl Failure {
    /// 400 with a code.
    pub(crate) fn bad(code: u32, text: impl Into<String>) -> Self {
        Self::Code(StatusCode::BAD_REQUEST, code, text.into())
    }

    /// A text that no database keeps; SQLite would, and find something else by it.
    pub(crate) fn nul(part: &str) -> Self {
        let text =
            format!("The request's {part} has a NUL character, which no name or text may have");
        Self::bad(40_005, text)
    }

    /// 404 with a code.
    pub(crate) fn missing(code: u32, text: impl Into<String>) -> Self {
        Self::Code(StatusCode::NOT_FOUND, code, text.into())
    }

    /// 401 with the scopes one of which would do, as stock answers (not 403).
    pub(crate) fn forbidden(scopes: &str) -> Self {
        let text = format!("Require one of the scopes: {scopes}");
        Self::Code(StatusCode::UNAUTHORIZED, 600_000, text)
    }

    /// 500.
    pub(crate) fn fault(error: &dyn std::error::Error) -> Self {
        Self::Code(StatusCode::INTERNAL_SERVER_ERROR, 100, chain(error))
    }

    /// What it says, for the record.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Code(_, _, text) | Self::Text(_, text) => text.clone(),
            Self::NotAuthenticated(path) => format!("Not authorized: '{path}'"),
            Self::NoEndpoint(path) => format!("Endpoint '{path}' not found."),
            Self::Stale { latest, .. } => {
                format!("Latest Id: '{latest}' does not match expected latest id")
            }
        }
    }

    /// A deployment that is not there.
    pub(crate) fn no_deployment(name: &str) -> Self {
        Self::missing(70_000, format!("Deployment '{name}' doesn't exist"))
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::fault(&error)
    }
}

impl From<Invalid> for Failure {
    fn from(error: Invalid) -> Self {
        Self::bad(error.code.number(), error.message)
    }
}

impl From<blobstore::Error> for Failure {
    fn from(error: blobstore::Error) -> Self {
        match &error {
            blobstore::Error::Missing { id } | blobstore::Error::Id { id } => {
                Self::missing(100_002, format!("Blobstore object '{id}' not found"))
            }
            _ => Self::fault(&error),
        }
    }
}

/// Compact JSON, because the client searches the raw text for `"code":N`.
pub(crate) fn body(code: u32, text: &str) -> String {
    // Keys in this order; a map of the JSON crate would sort them alike.
    json!({"code": code, "description": text}).to_string()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, kind, text) = match self {
            Failure::Code(status, code, text) => (status, "application/json", body(code, &text)),
            Failure::Text(status, text) => (status, "text/plain;charset=utf-8", text),
            Failure::NoEndpoint(path) => (
                StatusCode::NOT_FOUND,
                "text/plain;charset=utf-8",
                format!("Endpoint '{path}' not found."),
            ),
            Failure::NotAuthenticated(path) => (
                StatusCode::UNAUTHORIZED,
                "text/plain;charset=utf-8",
                format!("Not authorized: '{path}'\n"),
            ),
            Failure::Stale { latest, expected } => (
                StatusCode::PRECONDITION_FAILED,
                "application/json",
                json!({
                    "latest_id": latest,
                    "expected_latest_id": expected,
                    "description": format!(
                        "Latest Id: '{latest}' does not match expected latest id"
                    ),
                })
                .to_string(),
            ),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"BOSH Director\""),
            );
        }
        response
    }
}
