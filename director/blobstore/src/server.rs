//! WebDAV, as much of it as blobs need: GET, HEAD, PUT and DELETE.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method as Verb, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use tokio::time::timeout;
use tokio_util::io::{ReaderStream, StreamReader};
use warren_lib_https::basic::{credentials, same};

use crate::{Error, Local, Signer, id};

/// How long the rest of what cannot be kept is taken.
const REST: Duration = Duration::from_secs(60);

/// Somebody with a password.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({})", self.name)
    }
}

/// Who may do what.
#[derive(Debug, Clone)]
pub struct Access {
    /// May read only.
    pub readers: Vec<User>,
    /// May read, write and delete.
    pub writers: Vec<User>,
    /// For URLs without a password; `None` means there are none.
    pub signer: Option<Signer>,
}

struct Server {
    blobs: Local,
    access: Access,
}

/// The routes `/xx/ID` and `/signed/xx/ID`.
pub fn router(blobs: Local, access: Access) -> Router {
    Router::new()
        .fallback(answer)
        .with_state(Arc::new(Server { blobs, access }))
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    if path == "internal/health" || path == "healthz" {
        return StatusCode::OK.into_response();
    }
    let (place, allowed) = match path.strip_prefix("signed/") {
        Some(place) => (place, server.allows_signed(place, &request)),
        None => (path.as_str(), server.allows(&request)),
    };
    if let Err(status) = allowed {
        let mut response = status.into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                header::HeaderValue::from_static("Basic realm=\"Blobstore\""),
            );
        }
        return response;
    }
    // The first part follows from the second; one that is wrong names nothing.
    let blob = match place.split_once('/') {
        Some((prefix, blob)) if id::is_valid(blob) && id::prefix(blob) == prefix => blob.to_owned(),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let verb = request.method().clone();
    let done = if verb == Verb::GET || verb == Verb::HEAD {
        server.read(&blob, verb == Verb::HEAD).await
    } else if verb == Verb::PUT {
        server.write(&blob, request.into_body()).await
    } else if verb == Verb::DELETE {
        server.blobs.delete(&blob).await.map(|was_there| {
            if was_there {
                StatusCode::NO_CONTENT.into_response()
            } else {
                StatusCode::NOT_FOUND.into_response()
            }
        })
    } else {
        Ok(StatusCode::METHOD_NOT_ALLOWED.into_response())
    };
    done.unwrap_or_else(|error| match error {
        Error::Missing { .. } | Error::Id { .. } => StatusCode::NOT_FOUND.into_response(),
        Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Error::File { ref source, .. } => {
            (status(source.kind()), warren_lib_errchain::chain(&error)).into_response()
        }
    })
}

/// How a failure of the file system is told.
fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Server {
    fn allows_signed(&self, place: &str, request: &Request) -> Result<(), StatusCode> {
        let verb = request.method();
        if verb != Verb::GET && verb != Verb::HEAD && verb != Verb::PUT {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let name = if verb == Verb::PUT { "PUT" } else { "GET" };
        let query = request.uri().query().unwrap_or_default();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            });
        match &self.access.signer {
            Some(signer) if signer.accepts(name, place, query, now) => Ok(()),
            _ => Err(StatusCode::FORBIDDEN),
        }
    }

    fn allows(&self, request: &Request) -> Result<(), StatusCode> {
        let Some((name, password)) = credentials(request.headers()) else {
            return Err(StatusCode::UNAUTHORIZED);
        };
        let is_one_of = |users: &[User]| {
            users.iter().fold(false, |found, user| {
                found | (same(&user.name, &name) & same(&user.password, &password))
            })
        };
        let writes = !matches!(*request.method(), Verb::GET | Verb::HEAD);
        if is_one_of(&self.access.writers) {
            Ok(())
        } else if is_one_of(&self.access.readers) {
            if writes {
                Err(StatusCode::FORBIDDEN)
            } else {
                Ok(())
            }
        } else {
            Err(StatusCode::UNAUTHORIZED)
        }
    }

    async fn read(&self, blob: &str, head: bool) -> Result<Response, Error> {
        let (file, size) = self.blobs.open_blob(blob).await?;
        let body = if head {
            Body::empty()
        } else {
            Body::from_stream(ReaderStream::with_capacity(file, 128 << 10))
        };
        let headers = [
            (header::CONTENT_LENGTH, size.to_string()),
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        ];
        Ok((headers, body).into_response())
    }

    async fn write(&self, blob: &str, body: Body) -> Result<Response, Error> {
        let replaces = self.blobs.exists(blob).await?;
        let mut stream = body.into_data_stream().map_err(std::io::Error::other);
        let stored = self.blobs.put(blob, StreamReader::new(&mut stream)).await;
        if let Err(error) = stored {
            // Who is still sending would see a broken connection and not why.
            let rest = async { while let Ok(Some(_)) = stream.try_next().await {} };
            let _of_no_use = timeout(REST, rest).await;
            return Err(error);
        }
        let status = if replaces {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::CREATED
        };
        Ok(status.into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_is_told_apart() {
        let full = std::io::Error::from_raw_os_error(28);
        assert_eq!(status(full.kind()), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(
            status(ErrorKind::NotFound),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
}
