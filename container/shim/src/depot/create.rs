//! Making a container: its directory, its shim, and the shim's word that all is there.
//!
//! ```text
//!   .making-NAME/ ─ container.json, files ─► NAME/ ─ config.json ─► shim ─► "network" ─► "created"
//!                                              └────── any failure: destroy ─────┴────────────┘
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use warren_sys_process::descriptor_limit::passed;

use super::{Depot, Error};
use crate::files;
use crate::report::{self, Report};
use crate::spec::ContainerSpec;

/// How long a shim may take to make a container.
const PATIENCE: Duration = Duration::from_secs(120);

/// Has the C library give memory back instead of keeping it: a shim is idle nearly always.
const MEMORY: [(&str, &str); 2] = [
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_TRIM_THRESHOLD_", "65536"),
];

/// A file in the container's directory of the depot, to be bound into it: `hosts` and the like.
#[derive(Debug, Clone, Copy)]
pub struct ConfigFile<'a> {
    /// Its name in the directory.
    pub name: &'a str,
    /// What is in it.
    pub contents: &'a [u8],
    /// Its owner on the host, which is the container's root: user and group alike.
    pub owner: u32,
    /// Its permissions.
    pub mode: u32,
}

/// A container that has been made and waits to be started.
#[derive(Debug)]
pub struct Created {
    /// Init's process id.
    pub pid: i32,
    /// Its network namespace.
    pub netns: File,
    /// What could not be done as it was asked for, such as a limit that this kernel does not know.
    pub remarks: Vec<String>,
}

impl Depot {
    /// Makes a container, up to an init that waits; [`Depot::start`] lets it go on. `files` are
    /// put into its directory ([`Depot::path`]) first, so that its mounts may name them.
    ///
    /// # Errors
    /// [`Error::ContainerExists`], [`Error::Bundle`], [`Error::Create`] with what the engine said,
    /// [`Error::Io`]. What has been made is gone again.
    pub fn create(&self, spec: &ContainerSpec, files: &[ConfigFile<'_>]) -> Result<Created, Error> {
        let (created, ()) = self.create_with(spec, files, |_| ())?;
        Ok(created)
    }

    /// The same, with the container's network: `join` is called with its network namespace as soon as
    /// that can be used, if possible while the rest of the container is still being made.
    ///
    /// # Errors
    /// As [`create`](Self::create); `join` may have been called.
    pub fn create_with<T>(
        &self,
        spec: &ContainerSpec,
        files: &[ConfigFile<'_>],
        join: impl FnOnce(BorrowedFd<'_>) -> T,
    ) -> Result<(Created, T), Error> {
        let handle = spec.handle.as_str();
        let entry = self.busy.create(handle)?;
        self.make_directory(spec, files)?;
        let made = self.make(spec, join);
        drop(entry);
        made.map_err(|error| match self.destroy(handle) {
            Ok(_) => error,
            Err(remains) => Error::Create {
                handle: handle.to_owned(),
                message: format!(
                    "{}; and it cannot be removed: {}",
                    warren_lib_errchain::chain(&error),
                    warren_lib_errchain::chain(&remains),
                ),
            },
        })
    }

    /// Writes one of the container's files again, in place, so that a mount of it shows the change.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], [`Error::Io`].
    pub fn write_file(&self, handle: &str, file: &ConfigFile<'_>) -> Result<(), Error> {
        let directory = self.path(handle);
        if !directory.exists() {
            return Err(Error::ContainerNotFound {
                handle: handle.to_owned(),
            });
        }
        put(&directory, file)
    }

    fn make_directory(&self, spec: &ContainerSpec, files: &[ConfigFile<'_>]) -> Result<(), Error> {
        let path = self.path(&spec.handle);
        let name = crate::name::of(&spec.handle);
        let making = self.directory.join(format!(".making-{name}"));
        // What a crash has left.
        match fs::remove_dir_all(&making) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", making)(error));
            }
            _ => {}
        }
        let filled = DirBuilder::new()
            .mode(0o711)
            .create(&making)
            .map_err(Error::io("make directory", &making))
            .and_then(|()| {
                let json = making.join("container.json");
                files::replace(&json, spec, 0o600).map_err(Error::io("write", json))?;
                files.iter().try_for_each(|file| put(&making, file))
            })
            .and_then(|()| {
                match rustix::fs::renameat_with(CWD, &making, CWD, &path, RenameFlags::NOREPLACE) {
                    Ok(()) => Ok(()),
                    Err(Errno::EXIST) => Err(Error::ContainerExists {
                        handle: spec.handle.clone(),
                    }),
                    Err(errno) => Err(Error::io("make directory", path)(errno.into())),
                }
            });
        if filled.is_err() {
            let _the_failure_matters = fs::remove_dir_all(&making);
        }
        filled
    }

    fn make<T>(
        &self,
        spec: &ContainerSpec,
        join: impl FnOnce(BorrowedFd<'_>) -> T,
    ) -> Result<(Created, T), Error> {
        let directory = self.path(&spec.handle);
        crate::bundle::write(&self.facts, spec, &directory)?;
        let failed = |message: String| Error::Create {
            handle: spec.handle.clone(),
            message,
        };
        let shim = self.spawn(&directory)?;
        let mut join = Some(join);
        let mut joined = None;
        let mut said = self.hear(&shim)?;
        if let Some((Report::Network, Some(netns))) = &said {
            joined = join.take().map(|join| join(netns.as_fd()));
            said = self.hear(&shim)?;
        }
        let (init, remarks, netns) = match said {
            Some((Report::Created { init, remarks }, Some(netns))) => (init, remarks, netns),
            Some((Report::Created { .. } | Report::Network, _)) => {
                return Err(failed("it has no network namespace of its own".into()));
            }
            Some((Report::Failed(failure), _)) => return Err(failed(failure.message)),
            None => {
                let log = fs::read_to_string(directory.join("shim.log")).unwrap_or_default();
                let last = log.trim_end().rsplit('\n').next().unwrap_or_default();
                return Err(failed(format!(
                    "its shim ended without a word; its log ends: {last:?}"
                )));
            }
        };
        let joined = joined.or_else(|| join.take().map(|join| join(netns.as_fd())));
        let joined = joined.ok_or_else(|| failed("nobody gave it a network".into()))?;
        let created = Created {
            pid: init,
            netns: File::from(netns),
            remarks,
        };
        Ok((created, joined))
    }

    /// What a shim reports next; nothing if it has ended.
    fn hear(&self, shim: &OwnedFd) -> Result<Option<(Report, Option<OwnedFd>)>, Error> {
        report::receive(shim, PATIENCE)
            .map_err(|errno| Error::io("hear from", &self.program)(errno.into()))
    }

    /// Starts the shim; the answer is where it reports.
    fn spawn(&self, directory: &Path) -> Result<OwnedFd, Error> {
        let log = directory.join("shim.log");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log)
            .map_err(Error::io("make", &log))?;
        let start = |error| Error::io("execute", &self.program)(error);
        // A socket that keeps messages whole, with an end when the other side is gone.
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|errno| start(errno.into()))?;
        // Nothing is asked of the library that it would have to fork for: that copies the tables of
        // all of the server's memory, where the other way (vfork) copies nothing.
        let mut command = Command::new(&self.program);
        command
            .arg("shim")
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(theirs)
            .stderr(file)
            // What is in there is the server's affair, and stays in /proc for the shim's life.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(MEMORY)
            .envs(passed());
        let mut child = command.spawn().map_err(start)?;
        // It holds the other end of the socket.
        drop(command);
        // This one ends as soon as it has forked the shim proper.
        child.wait().map_err(start)?;
        Ok(ours)
    }
}

fn put(directory: &Path, file: &ConfigFile<'_>) -> Result<(), Error> {
    let path = directory.join(file.name);
    let write = || {
        use std::io::Write;
        let mut open = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        open.write_all(file.contents)?;
        fchown(&open, Some(file.owner), Some(file.owner))?;
        open.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(file.mode))
    };
    write().map_err(Error::io("write", &path))
}
