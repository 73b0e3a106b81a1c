//! What is uploaded: found where the API put it, or downloaded, and compared with the digest it should
//! have.
//!
//! A file that the API has written is removed by the worker when the task is over, for a task whose worker
//! dies is begun again and needs it; one that was downloaded goes with the attempt.
//!
//! A download runs in a thread of its own, which nobody can stop from outside. So it looks at a flag
//! after each piece, and a server that falls silent is waited for only so long; the task itself does not
//! wait for the thread when it is cancelled.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use warren_director_store::work::{Source, Upload};
use warren_release::Sums;
use warren_wire_release::MultiDigest;

use crate::{Engine, Error, Task};

/// How often a server may send the download elsewhere.
const MOST_REDIRECTS: u32 = 9;
/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a download looks whether its task shall go on.
const LOOK: Duration = Duration::from_millis(100);
/// What is written at once.
const PIECE: usize = 64 << 10;

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

/// Tells a thread that nobody waits for it any more: when dropped, also with a task that is let go.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Downloads a URL.
///
/// # Errors
/// No connection, another status than 200, a server that falls silent, a file system that is full;
/// [`Error::Cancelled`] when the task shall end.
pub async fn download(engine: &Engine, task: &Task, url: &str) -> Result<Uploaded, Error> {
    let is_given_up = Arc::new(AtomicBool::new(false));
    let waiting = Waiting(Arc::clone(&is_given_up));
    let (work, url) = (engine.config.work.clone(), url.to_owned());
    let fetched = blocking("download", move || {
        fetch(&work, &url, PATIENCE, &is_given_up)
    });
    let cancelled = async {
        loop {
            if let Err(error) = task.check() {
                return error;
            }
            sleep(LOOK).await;
        }
    };
    let done = tokio::select! {
        done = fetched => done,
        error = cancelled => Err(error),
    };
    drop(waiting);
    done
}

/// Downloads a URL into a directory, for as long as somebody waits for it.
fn fetch(
    work: &Path,
    url: &str,
    patience: Duration,
    is_given_up: &AtomicBool,
) -> Result<Uploaded, Error> {
    let of = shown(url);
    let step = || format!("download {of}");
    let name = format!("upload-{}", warren_director_store::uuid::new());
    let file = Uploaded {
        path: work.join(name),
        downloaded: true,
    };
    let mut to = File::create_new(file.path()).map_err(|error| Error::other(step(), error))?;
    let mut answer = agent(patience)
        .get(url)
        .call()
        .map_err(|error| Error::other(step(), error))?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Err(Error::refused(
            100_001,
            format!("Downloading '{of}' failed: the server answered {status}"),
        ));
    }
    let mut from = answer.body_mut().as_reader();
    let mut piece = vec![0; PIECE];
    loop {
        if is_given_up.load(Ordering::Relaxed) {
            let gone = io::Error::new(io::ErrorKind::Interrupted, "nobody waits for it any more");
            return Err(Error::other(step(), gone));
        }
        let count = from.read(&mut piece);
        let count = count.map_err(|error| Error::other(step(), error))?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(file);
        };
        to.write_all(read)
            .map_err(|error| Error::other(step(), error))?;
    }
}

fn agent(patience: Duration) -> ureq::Agent {
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
        .timeout_connect(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_per_read(Some(patience))
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

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::thread::JoinHandle;

    use super::*;

    /// A server that begins an answer, and sends no more of it; the connection is the thread's answer.
    fn server() -> (SocketAddr, JoinHandle<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            assert!(client.read(&mut request).unwrap() > 0);
            client
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe beginning")
                .unwrap();
            client
        });
        (address, served)
    }

    #[test]
    fn a_server_that_falls_silent_is_not_waited_for_for_ever() {
        let work = tempfile::tempdir().unwrap();
        let (address, served) = server();
        let url = format!("http://u:secret@{address}/it");
        let patience = Duration::from_millis(300);
        let failed = fetch(work.path(), &url, patience, &AtomicBool::new(false));
        let Err(error) = failed else {
            panic!("it came to an end");
        };
        let story = error.story();
        assert!(story.contains("timeout"), "{story}");
        assert!(!story.contains("secret"), "{story}");
        assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0);
        drop(served.join().unwrap());
    }

    #[test]
    fn a_download_for_which_nobody_waits_ends() {
        let work = tempfile::tempdir().unwrap();
        let (address, served) = server();
        let url = format!("http://{address}/it");
        let given_up = AtomicBool::new(true);
        let failed = fetch(work.path(), &url, PATIENCE, &given_up);
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0);
        drop(served.join().unwrap());
    }
}
