//! `GET /tasks/:id/output`: what a task says, by ranges.

use std::io::SeekFrom;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use warren_director_store::output::Kind;

use crate::answer::empty;
use crate::call::{self, Call};
use crate::failure::Failure;
use crate::range::{Part, part};
use crate::route::{Route, get};
use crate::scopes::{Need, wanted};

pub(super) fn routes() -> Vec<Route> {
    vec![get("/tasks/:id/output", Need::Anybody, output)]
}

async fn output(call: Call) -> Result<Response, Failure> {
    let task = super::tasks::find(&call).await?;
    let teams = call::teams(&task.teams);
    let refused = |need| Failure::forbidden(&wanted(need, &call.api.info.uuid, &teams));
    let kind = match call.query.some("type").unwrap_or("debug") {
        "debug" => Kind::Debug,
        "cpi" => Kind::Cpi,
        "event" => Kind::Event,
        "result" => Kind::Result,
        "none" => return Ok(empty(StatusCode::NO_CONTENT)),
        _ => return Err(refused(Need::Admin)),
    };
    // Logs may hold more than people of the team are told.
    if matches!(kind, Kind::Debug | Kind::Cpi) && !call.rights.administrates(&teams) {
        return Err(refused(Need::DeploymentAdmin));
    }
    let mut response = match File::open(call.api.outputs.path(task.id, kind)).await {
        Ok(file) => {
            let range = call.headers.get(header::RANGE);
            let range = range.map(|range| range.to_str().unwrap_or_default());
            slice(file, range)
                .await
                .map_err(|error| Failure::fault(&error))?
        }
        // Nothing was said yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => empty(StatusCode::OK),
        Err(error) => return Err(Failure::fault(&error)),
    };
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain;charset=utf-8"),
    );
    Ok(response)
}

/// A part of a file, not beyond the length that is said though more may be written meanwhile.
async fn slice(mut file: File, range: Option<&str>) -> std::io::Result<Response> {
    let length = file.metadata().await?.len();
    let (status, start, end) = match part(range, length) {
        Part::Whole => (StatusCode::OK, 0, length),
        Part::Slice(start, end) => (StatusCode::PARTIAL_CONTENT, start, end),
        Part::Beyond => {
            let mut response = empty(StatusCode::RANGE_NOT_SATISFIABLE);
            set(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes */{length}"),
            );
            return Ok(response);
        }
    };
    file.seek(SeekFrom::Start(start)).await?;
    let stream = ReaderStream::with_capacity(file.take(end - start), 64 << 10);
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = status;
    set(
        &mut response,
        header::CONTENT_LENGTH,
        &(end - start).to_string(),
    );
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {start}-{}/{length}", end - 1);
        set(&mut response, header::CONTENT_RANGE, &text);
    }
    Ok(response)
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
