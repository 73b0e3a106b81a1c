//! Wakes workers when there is work, so that they need not ask the database all the time.
//!
//! ```text
//! enqueue ─► Store::wake ─┬─ this process: a counter that waiting workers watch
//!                         ├─ SQLite: DATABASE-wake/NAME, a FIFO of each process that listens
//!                         └─ PostgreSQL: NOTIFY warren_tasks, on whichever machine it is
//! ```
//!
//! On disk: a FIFO is made as `.NAME`, opened, and only then renamed to `NAME`, so that one that nobody
//! reads is of a dead process, and whoever finds it removes it. A wake-up carries nothing, and one that
//! is lost costs little: workers look by themselves as well, only seldom.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};
use serde_json::json;
use sqlx::Executor as _;
use sqlx::postgres::PgListener;
use tokio::net::unix::pipe;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use warren_lib_telemetry::{Level, log};

use crate::error::During;
use crate::{Error, Store, uuid};

/// What PostgreSQL calls it.
const CHANNEL: &str = "warren_tasks";

/// How other processes are reached.
#[derive(Clone)]
pub(crate) enum Beyond {
    /// FIFOs in this directory.
    Fifos(PathBuf),
    /// Notifications of the database at this URL.
    Notifications(String),
}

/// Wakes what waits in this process and in others.
pub(crate) struct Wake {
    woken: watch::Sender<u64>,
    beyond: Beyond,
}

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL of a database has a password.
        f.write_str("Wake")
    }
}

/// A process that hears of work that others enqueue, until this is dropped.
#[derive(Debug)]
pub struct Listening {
    reader: JoinHandle<()>,
    fifo: Option<PathBuf>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.reader.abort();
        if let Some(fifo) = &self.fifo {
            // What stays is found to be nobody's and removed by the next who writes.
            let _ = fs::remove_file(fifo);
        }
    }
}

impl Wake {
    pub(crate) fn new(beyond: Beyond) -> Self {
        Self {
            woken: watch::Sender::new(0),
            beyond,
        }
    }

    fn here(&self) {
        self.woken
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Store {
    /// Changes whenever somebody said that there is work.
    #[must_use]
    pub fn woken(&self) -> watch::Receiver<u64> {
        self.wake.woken.subscribe()
    }

    /// Says that there is work, when its row is committed. Others that cannot be told are not waited
    /// for: they look by themselves a little later.
    pub async fn wake(&self) {
        self.wake.here();
        let told = match &self.wake.beyond {
            Beyond::Fifos(directory) => ring(directory),
            Beyond::Notifications(_) => self
                .pool()
                .execute("NOTIFY warren_tasks")
                .await
                .map(drop)
                .during("tell workers of a task"),
        };
        if let Err(error) = told {
            let reason = warren_lib_errchain::chain(&error);
            log::line(Level::Warn, "wake_failed", &[("error", json!(reason))]);
        }
    }

    /// Hears of work that other processes enqueue.
    ///
    /// # Errors
    /// [`Error::File`] where no FIFO can be made, or what the database said.
    pub async fn listen(&self) -> Result<Listening, Error> {
        let wake = std::sync::Arc::clone(&self.wake);
        match &self.wake.beyond {
            Beyond::Fifos(directory) => {
                let (fifo, receiver) = fifo(directory)?;
                let reader = tokio::spawn(async move {
                    let mut bytes = [0; 64];
                    while receiver.readable().await.is_ok() {
                        if receiver.try_read(&mut bytes).is_ok_and(|read| read > 0) {
                            wake.here();
                        }
                    }
                });
                Ok(Listening {
                    reader,
                    fifo: Some(fifo),
                })
            }
            Beyond::Notifications(url) => {
                let mut listener = listener(url).await?;
                let url = url.clone();
                let reader = tokio::spawn(async move {
                    loop {
                        match listener.try_recv().await {
                            // Nothing is heard while the connection is made again, so look now.
                            Ok(_) => wake.here(),
                            Err(_) => listener = again(&url).await,
                        }
                    }
                });
                Ok(Listening { reader, fifo: None })
            }
        }
    }
}

async fn listener(url: &str) -> Result<PgListener, Error> {
    let mut listener = PgListener::connect(url)
        .await
        .during("connect to the database")?;
    listener
        .listen(CHANNEL)
        .await
        .during("listen for tasks at the database")?;
    Ok(listener)
}

/// A connection after one that broke.
async fn again(url: &str) -> PgListener {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Ok(listener) = listener(url).await {
            return listener;
        }
    }
}

/// Makes a FIFO of a name of its own and opens it.
fn fifo(directory: &Path) -> Result<(PathBuf, pipe::Receiver), Error> {
    let failed = |step, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { step, path, source }
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed("make", directory))?;
    let name = uuid::new();
    let hidden = directory.join(format!(".{name}"));
    let path = directory.join(name);
    rustix::fs::mknodat(CWD, &hidden, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .map_err(|errno| failed("make the FIFO", &hidden)(errno.into()))?;
    let receiver = pipe::OpenOptions::new()
        // With a writer of our own it has no end when others close theirs.
        .read_write(true)
        .open_receiver(&hidden)
        .map_err(failed("open", &hidden))?;
    fs::rename(&hidden, &path).map_err(failed("name", &hidden))?;
    Ok((path, receiver))
}

/// Wakes all processes that listen, and clears away what the dead have left.
fn ring(directory: &Path) -> Result<(), Error> {
    let failed = |step, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { step, path, source }
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // Nobody has listened yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("read", directory)(source)),
    };
    for entry in entries {
        let entry = entry.map_err(failed("read", directory))?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if hidden || !entry.file_type().is_ok_and(|kind| kind.is_fifo()) {
            continue;
        }
        let path = entry.path();
        let opened = fs::OpenOptions::new()
            .write(true)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
            .open(&path);
        match opened {
            Ok(mut fifo) => {
                // One that is full has been told often enough.
                let _ = io::Write::write(&mut fifo, b"!");
            }
            Err(error) if error.raw_os_error() == Some(NO_READER) => {
                let _ = fs::remove_file(&path);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed("open", &path)(source)),
        }
    }
    Ok(())
}

/// `ENXIO`: nobody has the FIFO open for reading.
const NO_READER: i32 = rustix::io::Errno::NXIO.raw_os_error();
