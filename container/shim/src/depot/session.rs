//! A conversation with a process.

use std::os::unix::net::UnixStream;

use crate::exit::Exit;
use crate::frame::{self, Frame, ReadError, Stream};

/// A process that has been started or joined. Speak [`frame`] on the socket: `Stdin`, `StdinEnd`,
/// `Window` and `Signal` to the process; `Output`, `Lost` and last `Exit` from it.
///
/// Hanging up changes nothing for the process, but that the session that started it has to say
/// `StdinEnd` no more: its input ends.
///
/// Input that the process does not read stops the socket from being read, and signals behind it
/// with it: send those by [`Depot::signal`](crate::Depot::signal).
#[derive(Debug)]
pub struct Session {
    /// The process's id.
    pub id: String,
    /// Its pid in the shim's pid namespace; 0 if it has ended.
    pub pid: i32,
    /// The connection, blocking and without timeouts.
    pub socket: UnixStream,
}

/// All that a process wrote and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output, or all output of a terminal.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Bytes that this session was too slow for, of both.
    pub lost: u64,
    /// How it ended.
    pub exit: Exit,
}

impl Session {
    /// Sends one frame.
    ///
    /// # Errors
    /// The socket's.
    pub fn send(&self, frame: &Frame) -> std::io::Result<()> {
        frame::write(&self.socket, frame)
    }

    /// Receives one frame; `None` after `Exit`, or when the shim has died.
    ///
    /// # Errors
    /// The socket's, or that what came is no frame.
    pub fn receive(&self) -> Result<Option<Frame>, ReadError> {
        frame::read(&self.socket)
    }

    /// Collects all output until the process has ended.
    ///
    /// # Errors
    /// As [`Session::receive`]; a shim that dies first is `UnexpectedEof`.
    pub fn wait(self) -> Result<Outcome, ReadError> {
        let (mut stdout, mut stderr, mut lost) = (Vec::new(), Vec::new(), 0);
        loop {
            match self.receive()? {
                Some(Frame::Output(Stream::Stdout, bytes)) => stdout.extend(bytes),
                Some(Frame::Output(Stream::Stderr, bytes)) => stderr.extend(bytes),
                Some(Frame::Lost { bytes, .. }) => lost += bytes,
                Some(Frame::Exit(exit)) => {
                    return Ok(Outcome {
                        stdout,
                        stderr,
                        lost,
                        exit,
                    });
                }
                Some(_) => {}
                None => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            }
        }
    }
}
