//! Requests to a container's shim.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde::de::DeserializeOwned;

use super::{Depot, Error};
use crate::frame::{self, Frame, ReadError};
use crate::wire::Request;

/// How long a shim may take to answer. It does nothing that waits, but for `Stop`, which takes
/// 20 s of its own, and a process that a file system of the container's keeps from starting.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long it may take to kill everything; whoever asks can do it without the shim.
const PATIENCE_WITH_KILL: Duration = Duration::from_secs(15);

/// A connection whose request has been sent.
pub(super) struct Conversation {
    handle: String,
    id: String,
    socket: UnixStream,
}

impl Depot {
    /// Asks for something that has no answer, or one in JSON.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        handle: &str,
        id: &str,
        request: &Request,
    ) -> Result<T, Error> {
        self.converse(handle, id, request)?.answer()
    }

    pub(super) fn open_stream(&self, handle: &str, request: &Request) -> Result<UnixStream, Error> {
        let conversation = self.converse(handle, "", request)?;
        let () = conversation.answer()?;
        conversation.into_socket()
    }

    pub(super) fn converse(
        &self,
        handle: &str,
        id: &str,
        request: &Request,
    ) -> Result<Conversation, Error> {
        let conversation = Conversation {
            handle: handle.to_owned(),
            id: id.to_owned(),
            socket: self.connect(handle, request)?,
        };
        let json =
            serde_json::to_vec(request).map_err(|error| conversation.failed(error.into()))?;
        match frame::write(&conversation.socket, &Frame::Request(json)) {
            Ok(()) => Ok(conversation),
            // A request of more than 1 MiB; or the shim has just died.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Err(Error::Refused {
                message: format!("the request is too long: {error}"),
            }),
            Err(error) => Err(conversation.failed(error)),
        }
    }

    fn connect(&self, handle: &str, request: &Request) -> Result<UnixStream, Error> {
        let path = self.path(handle);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(directory) => File::from(directory),
            Err(rustix::io::Errno::NOENT) => {
                return Err(Error::ContainerNotFound {
                    handle: handle.to_owned(),
                });
            }
            Err(errno) => return Err(Error::io("open", path)(errno.into())),
        };
        let gone = |reason: &str| Error::NotRunning {
            handle: handle.to_owned(),
            reason: reason.to_owned(),
        };
        // The address of a socket is 108 bytes at most; the depot's path may be longer.
        let address = format!("/proc/self/fd/{}/shim.sock", directory.as_raw_fd());
        let socket = match UnixStream::connect(address) {
            Ok(socket) => socket,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(gone("it has no shim"));
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                return Err(gone("its shim has ended"));
            }
            Err(error) => return Err(Error::io("connect to", path.join("shim.sock"))(error)),
        };
        let patience = match request {
            Request::Kill => PATIENCE_WITH_KILL,
            _ => PATIENCE,
        };
        let timeouts = socket
            .set_read_timeout(Some(patience))
            .and_then(|()| socket.set_write_timeout(Some(patience)));
        timeouts.map_err(Error::io("prepare", path.join("shim.sock")))?;
        Ok(socket)
    }
}

impl Conversation {
    /// Waits for `Ok` or `Failed`.
    pub fn answer<T: DeserializeOwned>(&self) -> Result<T, Error> {
        answer(&self.socket, &self.handle, &self.id)
    }

    /// The socket, from now on without timeouts.
    pub fn into_socket(self) -> Result<UnixStream, Error> {
        let timeouts = self
            .socket
            .set_read_timeout(None)
            .and_then(|()| self.socket.set_write_timeout(None));
        timeouts.map_err(|error| self.failed(error))?;
        Ok(self.socket)
    }

    fn failed(&self, error: std::io::Error) -> Error {
        lost(&self.handle, error.into())
    }
}

/// Waits for `Ok` or `Failed`. `id`: the process that was asked about.
pub(super) fn answer<T: DeserializeOwned>(
    socket: &UnixStream,
    handle: &str,
    id: &str,
) -> Result<T, Error> {
    let strange = || Error::Answer {
        handle: handle.to_owned(),
    };
    match frame::read(socket).map_err(|error| lost(handle, error))? {
        Some(Frame::Ok(json)) => serde_json::from_slice(&json).map_err(|_| strange()),
        Some(Frame::Failed(json)) => match serde_json::from_slice(&json) {
            Ok(failure) => Err(Error::of(failure, handle, id)),
            Err(_) => Err(strange()),
        },
        Some(_) => Err(strange()),
        None => Err(ended(handle)),
    }
}

/// A connection that breaks is a shim that has died: it never hangs up without an answer.
fn lost(handle: &str, error: ReadError) -> Error {
    match error {
        ReadError::Io(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
            ) =>
        {
            ended(handle)
        }
        source => Error::Shim {
            handle: handle.to_owned(),
            source,
        },
    }
}

fn ended(handle: &str) -> Error {
    Error::NotRunning {
        handle: handle.to_owned(),
        reason: "its shim has ended".into(),
    }
}
