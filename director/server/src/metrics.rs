//! Metrics of all processes of a home, at one address.
//!
//! Each process listens at `HOME/metrics/NAME` and gives what it has counted, as JSON, to whoever
//! connects. The one that Prometheus asks collects from all of them, each under the label `process`,
//! which says its roles. Nothing is done while nobody asks.

use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use warren_director_api::Counted;
use warren_lib_telemetry::metrics::{Snapshot, snapshot};

use crate::Error;
use crate::home::failed;

/// The longest text that is taken from another process.
const LONGEST: u64 = 8 << 20;
/// How long another process may take.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct Told {
    /// Its roles.
    process: String,
    metrics: Snapshot,
}

/// A process' place among the others; its socket goes with it.
pub struct Shared {
    directory: PathBuf,
    name: String,
    process: String,
}

impl Drop for Shared {
    fn drop(&mut self) {
        // One that stays is found to be nobody's, and removed, by the next who collects.
        let _ = fs::remove_file(self.directory.join(&self.name));
    }
}

impl Shared {
    /// A process called `name` that has the roles `process`.
    pub fn new(directory: &Path, name: &str, process: &str) -> Arc<Self> {
        Arc::new(Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
            process: process.to_owned(),
        })
    }

    /// Listens at the socket.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn listen(&self) -> Result<UnixListener, Error> {
        let path = self.directory.join(&self.name);
        let (_held, short) = short(&self.directory, &self.name)?;
        UnixListener::bind(short).map_err(failed("listen at", &path))
    }

    /// Tells whoever connects, for ever.
    pub async fn tell(&self, listener: UnixListener) -> io::Result<()> {
        loop {
            let (mut stream, _) = listener.accept().await?;
            let text = serde_json::to_vec(&self.own())?;
            // One that hangs up does not want it.
            let _ = timeout(PATIENCE, stream.write_all(&text)).await;
        }
    }

    fn own(&self) -> Told {
        Told {
            process: self.process.clone(),
            metrics: snapshot(),
        }
    }

    /// What this process and all others have counted.
    async fn all(&self) -> Snapshot {
        let mut all = snapshot().labelled("process", &self.process);
        for name in names(&self.directory) {
            if name == self.name {
                continue;
            }
            match timeout(PATIENCE, ask(&self.directory, &name)).await {
                Ok(Ok(told)) => all.merge(told.metrics.labelled("process", &told.process)),
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    let _ = fs::remove_file(self.directory.join(&name));
                }
                // One that ends just now, or has too much to do, is left out this time.
                Ok(Err(_)) | Err(_) => {}
            }
        }
        all
    }

    /// As the API wants it.
    pub fn counted(self: &Arc<Self>) -> Counted {
        let this = Arc::clone(self);
        Counted::new(move || {
            let this = Arc::clone(&this);
            Box::pin(async move { this.all().await })
        })
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

async fn ask(directory: &Path, name: &str) -> io::Result<Told> {
    let (_held, short) = short(directory, name).map_err(io::Error::other)?;
    let stream = UnixStream::connect(short).await?;
    let mut text = Vec::new();
    stream.take(LONGEST).read_to_end(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

/// A path of a socket that is short enough for its address, however deep the home is; good while the
/// directory is held.
fn short(directory: &Path, name: &str) -> Result<(File, PathBuf), Error> {
    let held = File::open(directory).map_err(failed("open", directory))?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", held.as_raw_fd()));
    Ok((held, path))
}

#[cfg(test)]
mod tests {
    use warren_lib_telemetry::metrics::Counter;

    use super::*;

    #[tokio::test]
    async fn all_processes_are_asked_and_dead_ones_forgotten() {
        static SEEN: Counter = Counter::new("test_seen_total", "Seen.");
        SEEN.count(&[]);
        let home = tempfile::tempdir().unwrap();
        // Deeper than the address of a socket is long.
        let deep = home.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let one = Shared::new(&deep, "one", "api");
        let two = Shared::new(&deep, "two", "worker");
        let dead = Shared::new(&deep, "dead", "worker");
        drop(dead.listen().unwrap());
        let listener = two.listen().unwrap();
        let told = Arc::clone(&two);
        let telling = tokio::spawn(async move { told.tell(listener).await });
        let text = one.all().await.text();
        for process in ["api", "worker"] {
            let line = format!("test_seen_total{{process=\"{process}\"}} 1\n");
            assert!(text.contains(&line), "{text}");
        }
        assert!(!deep.join("dead").exists());
        telling.abort();
        drop(two);
        let _ = telling.await;
        assert!(!deep.join("two").exists());
    }
}
