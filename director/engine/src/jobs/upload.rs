//! What is uploaded: found where the API put it, or downloaded, and compared with the digest it should
//! have.
//!
//! A file that the API has written is removed by the worker when the task is over, for a task whose worker
//! dies is begun again and needs it; one that was downloaded goes with the attempt.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use warren_director_store::work::{Source, Upload};
use warren_release::Sums;
use warren_wire_release::MultiDigest;

use crate::{Engine, Error};

/// How often a server may send the download elsewhere.
const MOST_REDIRECTS: u32 = 9;
/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file of an upload; one that was downloaded is removed when dropped.
pub struct Uploaded {
    path: PathBuf,
    downloaded: bool,
}

impl Uploaded {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Uploaded {
    fn drop(&mut self) {
        if self.downloaded {
            // What cannot be removed now lies in the directory of works, which is emptied at start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A URL without user, password and query.
pub fn shown(url: &str) -> String {
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://") {
        Some((scheme, rest)) => {
            let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
            let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
            format!("{scheme}://{place}/{path}")
        }
        None => plain.to_owned(),
    }
}

/// Takes the file that the API has written; `None` if it has to be downloaded.
pub fn taken(upload: &Upload) -> Option<Uploaded> {
    match &upload.source {
        Source::Path(path) => Some(Uploaded {
            path: path.into(),
            downloaded: false,
        }),
        Source::Url(_) => None,
    }
}

/// Downloads a URL.
///
/// # Errors
/// No connection, another status than 200, a file system that is full.
pub async fn download(engine: &Engine, url: &str) -> Result<Uploaded, Error> {
    let work = engine.config.work.clone();
    let of = shown(url);
    let url = url.to_owned();
    blocking("download", move || {
        let name = format!("upload-{}", warren_director_store::uuid::new());
        let file = Uploaded {
            path: work.join(name),
            downloaded: true,
        };
        let step = || format!("download {of}");
        let mut to = File::create_new(file.path()).map_err(|error| Error::other(step(), error))?;
        let mut answer = agent()
            .get(&url)
            .call()
            .map_err(|error| Error::other(step(), error))?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(Error::refused(
                100_001,
                format!("Downloading '{of}' failed: the server answered {status}"),
            ));
        }
        io::copy(&mut answer.body_mut().as_reader(), &mut to)
            .map_err(|error| Error::other(step(), error))?;
        Ok(file)
    })
    .await
}

fn agent() -> ureq::Agent {
    let trusted: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&trusted))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    ureq::Agent::config_builder()
        .tls_config(tls)
        .max_redirects(MOST_REDIRECTS)
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .build()
        .into()
}

/// Compares a file with the digest that it should have; `code` is that of a file that has another.
///
/// # Errors
/// The code, or what the file system said.
pub async fn verify(file: &Uploaded, expected: &str, code: u32) -> Result<(), Error> {
    let digest: MultiDigest = expected
        .parse()
        .map_err(|error| Error::refused(code, format!("Expected digest '{expected}': {error}")))?;
    let path = file.path().to_owned();
    blocking("compute a digest", move || {
        let sums = Sums::of_file(&path)
            .map_err(|error| Error::other(format!("read {}", path.display()), error))?;
        if sums.are(&digest) {
            return Ok(());
        }
        let wanted = digest.strongest();
        let actual = sums.digest(wanted.algorithm());
        Err(Error::refused(
            code,
            format!(
                "Expected stream to have digest '{wanted}' but was '{}'",
                actual.map(|digest| digest.to_string()).unwrap_or_default()
            ),
        ))
    })
    .await
}

/// Does something that blocks.
///
/// # Errors
/// Its own.
pub async fn blocking<T: Send + 'static>(
    step: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::other(step, error))?
}
