//! Bodies that become files: an archive is written as it arrives, whatever its size.
//!
//! A file of an upload that breaks off is removed; the others belong to the task that takes them.

use std::io;
use std::path::PathBuf;
use std::pin::pin;

use axum::http::{StatusCode, header};
use futures_util::StreamExt as _;
use tokio::fs::{self, File};
use tokio::io::{AsyncWriteExt as _, BufWriter};
use warren_director_store::uuid;

use crate::call::Call;
use crate::failure::Failure;
use crate::multipart::{Multipart, boundary};

/// The longest body, as stock's proxy has it: 10000 MiB.
const LONGEST: u64 = 10_000 << 20;

/// Writes the body to a file below the directory of uploads.
pub(crate) async fn receive(call: &mut Call) -> Result<PathBuf, Failure> {
    let kind = call.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut parts = boundary(kind).map(|boundary| Multipart::new(&boundary));
    if parts.is_none() && kind.to_ascii_lowercase().starts_with("multipart/") {
        return Err(Failure::bad(
            40_000,
            "The request's Content-Type has no boundary",
        ));
    }
    let length = call.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LONGEST) {
        return Err(too_long());
    }
    let directory = call.api.upload_dir.clone();
    fs::create_dir_all(&directory)
        .await
        .map_err(|error| Failure::fault(&error))?;
    let unfinished = Unfinished(Some(directory.join(format!("upload-{}", uuid::new()))));
    let path = unfinished.0.clone().unwrap_or_default();
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .await
        .map_err(|error| Failure::fault(&error))?;
    let mut file = BufWriter::with_capacity(128 << 10, file);
    let mut stream = pin!(call.take_body().into_data_stream());
    let mut received = 0_u64;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| broken())?;
        received += chunk.len() as u64;
        if received > LONGEST {
            return Err(too_long());
        }
        match &mut parts {
            None => write(&mut file, &chunk).await?,
            Some(parts) => {
                let mut out = Vec::new();
                parts
                    .feed(&chunk, &mut out)
                    .map_err(|error| Failure::bad(40_000, error.to_string()))?;
                write(&mut file, &out).await?;
            }
        }
    }
    if parts.is_some_and(|parts| !parts.is_over()) {
        return Err(Failure::bad(
            40_000,
            "The request's body holds no file, or ends within it",
        ));
    }
    file.flush().await.map_err(|error| Failure::fault(&error))?;
    unfinished.finish();
    Ok(path)
}

async fn write(file: &mut BufWriter<File>, bytes: &[u8]) -> Result<(), Failure> {
    file.write_all(bytes)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::Code(
                StatusCode::INTERNAL_SERVER_ERROR,
                500_001,
                "There is not enough space on the director's disk for the upload".to_owned(),
            ),
            _ => Failure::fault(&error),
        })
}

fn broken() -> Failure {
    Failure::bad(40_000, "The request's body breaks off")
}

fn too_long() -> Failure {
    Failure::Text(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("Uploads have at most {LONGEST} bytes"),
    )
}

/// A file that is removed unless it is finished; the client may hang up at any time.
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // There is nobody to tell.
            let _ = std::fs::remove_file(path);
        }
    }
}
