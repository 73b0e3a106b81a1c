//! What a task says, in append-only files.
//!
//! ```text
//! TASKS/ID/event    JSON lines of the event log
//! TASKS/ID/result   what the client gets at the end
//! TASKS/ID/debug    the log
//! TASKS/ID/cpi      requests and answers of the CPI
//! ```
//!
//! Directories are 0700: the log of a CPI may hold what is nobody's business.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;

/// One kind of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// JSON lines of the event log.
    Event,
    /// What the client gets at the end.
    Result,
    /// The log.
    Debug,
    /// Requests and answers of the CPI.
    Cpi,
}

impl Kind {
    /// The file's name, and the `type` of a request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Event => "event",
            Kind::Result => "result",
            Kind::Debug => "debug",
            Kind::Cpi => "cpi",
        }
    }
}

/// Where the output of all tasks is.
#[derive(Debug, Clone)]
pub struct Outputs {
    directory: PathBuf,
}

impl Outputs {
    /// Output below `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// The file of one kind of output of one task.
    #[must_use]
    pub fn path(&self, task: i64, kind: Kind) -> PathBuf {
        self.directory.join(task.to_string()).join(kind.name())
    }

    /// Opens the output of a task for writing.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn writer(&self, task: i64) -> Result<Output, Error> {
        let directory = self.directory.join(task.to_string());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|source| Error::File {
                step: "make the directory",
                path: directory.clone(),
                source,
            })?;
        Ok(Output {
            directory: Arc::new(directory),
            turn: Arc::new(Mutex::new(())),
        })
    }

    /// The output of a task from an offset on, and its whole length; `None` if there is none yet.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn read(
        &self,
        task: i64,
        kind: Kind,
        offset: u64,
    ) -> Result<Option<(Vec<u8>, u64)>, Error> {
        let path = self.path(task, kind);
        let failed = |step| {
            let path = path.clone();
            move |source| Error::File { step, path, source }
        };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open")(error)),
        };
        let length = file.metadata().map_err(failed("look at"))?.len();
        let mut bytes = Vec::new();
        if offset < length {
            file.seek(SeekFrom::Start(offset)).map_err(failed("read"))?;
            // Not beyond the length that is reported, though more may be written meanwhile.
            file.take(length - offset)
                .read_to_end(&mut bytes)
                .map_err(failed("read"))?;
        }
        Ok(Some((bytes, length)))
    }

    /// Removes the output of a task.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn delete(&self, task: i64) -> Result<(), Error> {
        let directory = self.directory.join(task.to_string());
        match fs::remove_dir_all(&directory) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::File {
                step: "remove",
                path: directory,
                source,
            }),
            _ => Ok(()),
        }
    }
}

/// The output of one task. Clones write to the same files, a line at a time.
#[derive(Debug, Clone)]
pub struct Output {
    directory: Arc<PathBuf>,
    turn: Arc<Mutex<()>>,
}

impl Output {
    /// Appends to one kind of output.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn append(&self, kind: Kind, bytes: &[u8]) -> Result<(), Error> {
        let path = self.directory.join(kind.name());
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| Error::File {
                step: "append to",
                path,
                source,
            })
    }
}
