//! Answers that several endpoints give.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use crate::failure::Failure;

/// An empty answer.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// 200 with a document.
pub(crate) fn json(document: &impl Serialize) -> Result<Response, Failure> {
    json_with(StatusCode::OK, document)
}

/// A document.
pub(crate) fn json_with(
    status: StatusCode,
    document: &impl Serialize,
) -> Result<Response, Failure> {
    let text = serde_json::to_string(document).map_err(|error| Failure::fault(&error))?;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// 302 to a task. The place is relative, which every client resolves with the scheme, the host and
/// the port that it asked.
pub(crate) fn task(id: i64) -> Response {
    let mut response = empty(StatusCode::FOUND);
    if let Ok(place) = HeaderValue::from_str(&format!("/tasks/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
