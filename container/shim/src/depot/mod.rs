//! The depot: one directory for each container, and the way to its shim.
//!
//! ```text
//! DEPOT/
//!   NAME/            a container; see docs/design/containers.md for what is in it
//!   .making-NAME/    a directory whose container.json is being written
//!   .removing-NAME/  one that is being deleted
//! ```
//!
//! NAME is the handle, or `sha256-HEX` of a handle that is no good as a name of a directory. What
//! begins with a dot is nobody's and is removed by [`Depot::open`].
//!
//! All calls block and may be made from many threads at once.

mod busy;
mod create;
mod destroy;
mod error;
mod list;

mod session;
mod stream;
mod talk;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

pub use create::{ConfigFile, Created};
pub use error::Error;
pub use list::Found;
pub use session::{Outcome, Session};
pub use stream::{StreamIn, StreamOut};

use crate::spec::ProcessSpec;
use crate::wire::{Phase, Process, Request, Started, State};

/// All containers of one server.
#[derive(Debug)]
pub struct Depot {
    directory: PathBuf,
    program: PathBuf,
    busy: busy::Busy,
    facts: crate::bundle::Facts,
}

impl Depot {
    /// Opens the depot, making its directory if need be.
    ///
    /// `program` is executed as `program shim DIR` and must then call [`run`](crate::run).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(directory: &Path, program: PathBuf) -> Result<Self, Error> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(directory)
            .map_err(Error::io("make directory", directory))?;
        // A relative path would be another one in a shim, which works in /.
        let directory = fs::canonicalize(directory).map_err(Error::io("find", directory))?;
        let depot = Self {
            directory,
            program,
            busy: busy::Busy::default(),
            facts: crate::bundle::Facts::default(),
        };
        depot.sweep()?;
        Ok(depot)
    }

    /// The directory of a container of this handle, whether or not there is one.
    #[must_use]
    pub fn path(&self, handle: &str) -> PathBuf {
        self.directory.join(crate::name::of(handle))
    }

    /// Executes the init program; answers what could not be done as it was asked for.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], [`Error::NotRunning`] if the container is dead,
    /// [`Error::Refused`] if the program cannot be executed or has been already.
    pub fn start(&self, handle: &str) -> Result<Vec<String>, Error> {
        self.ask(handle, "", &Request::Start)
    }

    /// Executes a program; returns when it has been executed. Its id must be unique among all that
    /// the container has run; an empty one makes one up.
    ///
    /// # Errors
    /// [`Error::ProcessExists`], [`Error::ExecutableNotFound`], [`Error::UnknownUser`],
    /// [`Error::NotRunning`], [`Error::ContainerNotFound`], [`Error::Refused`].
    pub fn run(&self, handle: &str, process: &ProcessSpec) -> Result<Session, Error> {
        let request = Request::Run {
            process: Box::new(process.clone()),
            resumes: true,
        };
        self.session(handle, &process.id, &request)
    }

    /// Whether the container runs, or has run, a process of this id.
    #[must_use]
    pub fn has_process(&self, handle: &str, id: &str) -> bool {
        crate::processes::exists(&self.path(handle), id)
    }

    /// Joins a process: its output from now on, or from where a session was cut off, and its end,
    /// which may have been long ago.
    ///
    /// # Errors
    /// [`Error::ProcessNotFound`], [`Error::NotRunning`] if the shim is dead,
    /// [`Error::ContainerNotFound`].
    pub fn attach(&self, handle: &str, id: &str) -> Result<Session, Error> {
        let request = Request::Attach {
            id: id.to_owned(),
            resumes: true,
        };
        self.session(handle, id, &request)
    }

    /// A connection on which something comes, if only its end, when the process has ended; what it
    /// has written may still be on its way.
    ///
    /// # Errors
    /// As [`Depot::attach`].
    pub fn watch(&self, handle: &str, id: &str) -> Result<UnixStream, Error> {
        let request = Request::Wait { id: id.to_owned() };
        self.converse(handle, id, &request)?.into_socket()
    }

    /// Sends a signal to one process. One that has ended is left alone, without an error.
    ///
    /// # Errors
    /// As [`Depot::attach`].
    pub fn signal(&self, handle: &str, id: &str, signal: i32) -> Result<(), Error> {
        let request = Request::Signal {
            id: id.to_owned(),
            signal,
        };
        self.ask(handle, id, &request)
    }

    /// Ends all processes but init: asks with TERM for up to 10 s unless `kill`, then kills.
    /// From then on the container's state is stopped. One that is dead has nothing to stop.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`]; [`Error::Refused`] if a process survives all that.
    pub fn stop(&self, handle: &str, kill: bool) -> Result<(), Error> {
        match self.ask(handle, "", &Request::Stop { kill }) {
            Err(Error::NotRunning { .. }) => Ok(()),
            other => other,
        }
    }

    /// How the container is. A dead shim makes a dead container.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], [`Error::Shim`].
    pub fn state(&self, handle: &str) -> Result<State, Error> {
        match self.ask(handle, "", &Request::State) {
            Err(Error::NotRunning { .. }) => Ok(State {
                phase: Phase::Dead,
                stopped: true,
                init: 0,
                exit: None,
                events: Vec::new(),
            }),
            other => other,
        }
    }

    /// All processes that the container has run, by id. Without its shim: what that has left on
    /// disk.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], [`Error::Shim`].
    pub fn processes(&self, handle: &str) -> Result<Vec<Process>, Error> {
        match self.ask(handle, "", &Request::Processes) {
            Err(Error::NotRunning { .. }) => Ok(crate::processes::read(&self.path(handle))),
            other => other,
        }
    }

    /// Unpacks a tar archive in the container. `user` is a name in its passwd (empty: root);
    /// `destination` a directory, made if need be, starting at the user's home unless absolute.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::NotRunning`], [`Error::ContainerNotFound`]. What is wrong
    /// with the destination or the archive is told by [`StreamIn::finish`].
    pub fn stream_in(
        &self,
        handle: &str,
        user: &str,
        destination: &str,
    ) -> Result<StreamIn, Error> {
        let request = Request::StreamIn {
            user: user.to_owned(),
            destination: destination.to_owned(),
        };
        let socket = self.open_stream(handle, &request)?;
        Ok(StreamIn::new(handle, socket))
    }

    /// Packs a file or directory of the container into a tar archive. `/a/b` gives entries `b`,
    /// `b/...`; `/a/b/` gives `./`, `./...`.
    ///
    /// # Errors
    /// As [`Depot::stream_in`]; later ones come out of reading.
    pub fn stream_out(&self, handle: &str, user: &str, source: &str) -> Result<StreamOut, Error> {
        let request = Request::StreamOut {
            user: user.to_owned(),
            source: source.to_owned(),
        };
        let socket = self.open_stream(handle, &request)?;
        Ok(StreamOut::new(handle, socket))
    }

    fn session(&self, handle: &str, id: &str, request: &Request) -> Result<Session, Error> {
        let conversation = self.converse(handle, id, request)?;
        let started: Started = conversation.answer()?;
        Ok(Session {
            id: started.id,
            pid: started.pid,
            resumes: started.resumes,
            socket: conversation.into_socket()?,
        })
    }
}
