//! Records on disk.
//!
//! ```text
//! DIR/lock            held (flock) by the one process that may change the rest; its pid
//! DIR/version         the number 1 and a newline
//! DIR/boot            the boot of the machine in which the rest was written
//! DIR/next-port       the port the pool gives out next; a hint that may be absent or old
//! DIR/ID.json         one container: a `Record` as JSON; ID is `settings::id` of its handle
//! DIR/*.tmp           a write that did not finish; removed at the next start
//! ```
//!
//! Pools have no files: who has what is in the containers' records alone, so the two cannot
//! disagree. A file changes by write to `*.tmp` and rename: after any crash of the process it is the
//! old one or the new one. Records are not synced, for nothing that they describe survives a crash of
//! the machine: one of an earlier boot that cannot be read is removed. Within a boot that is an error.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use warren_sys_process::stat::Stat;

use crate::record::Record;

#[cfg(test)]
mod tests;

const VERSION: &str = "1\n";
/// What the kernel calls this boot.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// How long to wait for the lock: a child that its last owner was just starting holds it until
/// it becomes another program.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long if that owner was killed and has yet to come back from the kernel.
const LAST_CALL: Duration = Duration::from_secs(30);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The state directory failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has the directory.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// A newer Warren wrote the directory.
    #[error("{} says version {found:?}; this Warren knows version 1", path.display())]
    Version {
        /// The version file.
        path: PathBuf,
        /// Its text.
        found: String,
    },
    /// A record of this boot cannot be read. It is left alone: removing it could leak what it
    /// describes.
    #[error("{} is not a network record", path.display())]
    Malformed {
        /// The record.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A record has another container's name.
    #[error("{} holds the record of another container, {handle:?}", path.display())]
    Misplaced {
        /// The record.
        path: PathBuf,
        /// Its handle.
        handle: String,
    },
    /// A record cannot be written as JSON.
    #[error("cannot encode the network record of {handle:?}")]
    Encode {
        /// Its handle.
        handle: String,
        /// Why.
        source: serde_json::Error,
    },
}

fn failed(what: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        what,
        path: path.clone(),
        source,
    }
}

/// How long to wait for a lock, by who says in it that he has it.
fn patience(lock: &Path) -> Duration {
    let owner = fs::read_to_string(lock).ok();
    let owner = owner.and_then(|text| text.parse().ok());
    match owner {
        Some(owner) if Stat::of_running(owner).is_none() => LAST_CALL,
        _ => PATIENCE,
    }
}

/// The state directory, held by this process.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// Whether what was found is of an earlier boot, as the machine's end left it.
    is_of_old: bool,
    _lock: File,
}

impl Store {
    /// Opens the directory, making it if need be, and removes writes that did not finish.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Version`] or [`Error::File`].
    pub fn open(directory: &Path) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(failed("make directory", directory))?;
        let path = directory.join("lock");
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        let began = Instant::now();
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if began.elapsed() < patience(&path) => {
                    std::thread::sleep(PAUSE);
                }
                Err(Errno::WOULDBLOCK) => return Err(Error::Locked { path }),
                Err(errno) => return Err(failed("lock", &path)(errno.into())),
            }
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(failed("write", &path))?;
        let mut store = Self {
            directory: directory.to_owned(),
            is_of_old: false,
            _lock: lock,
        };
        for path in store.files("tmp")? {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        let path = directory.join("version");
        match fs::read_to_string(&path) {
            Ok(found) if found == VERSION => {}
            Ok(found) => return Err(Error::Version { path, found }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                store.write_synced("version", VERSION.as_bytes())?;
            }
            Err(source) => return Err(failed("read", &path)(source)),
        }
        store.enter_boot(&fs::read(BOOT).map_err(failed("read", Path::new(BOOT)))?)?;
        Ok(store)
    }

    /// Finds out whether the directory is of this boot, and makes it so once its records have been
    /// looked at.
    fn enter_boot(&mut self, boot: &[u8]) -> Result<(), Error> {
        let path = self.directory.join("boot");
        match fs::read(&path) {
            Ok(found) if found == boot => return Ok(()),
            Ok(_) => {
                self.is_of_old = true;
                self.load()?;
            }
            // An older Warren synced its records: all of them can be read.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(failed("read", &path)(source)),
        }
        // From here on there may be records that are not synced.
        self.write_synced("boot", boot)?;
        self.is_of_old = false;
        Ok(())
    }

    /// All records, by id. Of an earlier boot those that can be read; the others are removed.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Misplaced`] for the first bad one; [`Error::File`].
    pub fn load(&self) -> Result<BTreeMap<String, Record>, Error> {
        let mut records = BTreeMap::new();
        for path in self.files("json")? {
            let bytes = fs::read(&path).map_err(failed("read", &path))?;
            let record: Record = match serde_json::from_slice(&bytes) {
                Ok(record) => record,
                Err(_) if self.is_of_old => {
                    fs::remove_file(&path).map_err(failed("remove", &path))?;
                    continue;
                }
                Err(source) => return Err(Error::Malformed { path, source }),
            };
            let id = record.id();
            if path.file_stem().is_none_or(|stem| *stem != *id) {
                let handle = record.handle;
                return Err(Error::Misplaced { path, handle });
            }
            records.insert(id, record);
        }
        Ok(records)
    }

    /// Writes a record, in place of an earlier one of the same container.
    ///
    /// # Errors
    /// [`Error::Encode`] or [`Error::File`].
    pub fn save(&self, record: &Record) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(record).map_err(|source| Error::Encode {
            handle: record.handle.clone(),
            source,
        })?;
        self.write(&format!("{}.json", record.id()), &bytes)
    }

    /// Removes the record of this id, if there is one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn remove(&self, id: &str) -> Result<(), Error> {
        let path = self.directory.join(format!("{id}.json"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map_err(failed("remove", &path)),
        }
    }

    /// The port the pool is to give out next; 0 if that is not known.
    #[must_use]
    pub fn next_port(&self) -> u16 {
        // A hint: whatever is wrong with it, some port comes first.
        fs::read_to_string(self.directory.join("next-port"))
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0)
    }

    /// Keeps the port the pool is to give out next.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn set_next_port(&self, port: u16) -> Result<(), Error> {
        self.write("next-port", format!("{port}\n").as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.replace(name, bytes, |_| Ok(()))
    }

    /// What must be there after a crash of the machine too, before anything else is written.
    fn write_synced(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.replace(name, bytes, File::sync_all)?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("sync", &self.directory))
    }

    fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        finish: impl FnOnce(&File) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        let path = self.directory.join(name);
        let new = self.directory.join(format!("{name}.tmp"));
        let mut file = File::create(&new).map_err(failed("make", &new))?;
        file.write_all(bytes).map_err(failed("write", &new))?;
        finish(&file).map_err(failed("sync", &new))?;
        fs::rename(&new, &path).map_err(failed("replace", &path))
    }

    fn files(&self, extension: &str) -> Result<Vec<PathBuf>, Error> {
        let list = failed("list", &self.directory);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(&list)? {
            let path = entry.map_err(&list)?.path();
            if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
        Ok(found)
    }
}
