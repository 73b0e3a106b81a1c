//! `GET /resources/:id`: a blob, from the first byte on.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tokio_util::io::ReaderStream;

use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![get("/resources/:id", Need::Admin, read)]
}

/// Streams the blob that the path names.
pub(super) async fn read(call: Call) -> Result<Response, Failure> {
    let (file, size) = call.api.blobs.open_blob(call.param("id")).await?;
    let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(
        file,
        128 << 10,
    )));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-gzip"),
    );
    // The client's progress bar wants it.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}
