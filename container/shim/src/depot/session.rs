//! A conversation with a process.

use std::os::unix::net::UnixStream;

use crate::exit::Exit;
use crate::frame::{self, Frame, ReadError, Stream};

/// A process that has been started or joined. Speak [`frame`] on the socket: `Stdin`, `StdinEnd`,
/// `Window` and `Signal` to the process; `Output`, `Lost` and last `Exit` from it.
///
/// Say [`detach`](Self::detach) to hang up, which changes nothing for the process. A session that
/// ends without, because its holder has died, is kept: input stays open, and the next session goes
/// on where this one was. That is after what was `Delivered`, if that is said, after the first bytes
/// otherwise.
///
/// A shim of before there was that (`resumes` is false) knows neither frame. There a session just
/// ends, and with the one that started the process ends its input.
///
/// Input that the process does not read stops the socket from being read, and signals behind it
/// with it: send those by [`Depot::signal`](crate::Depot::signal).
#[derive(Debug)]
pub struct Session {
    /// The process's id.
    pub id: String,
    /// Its pid in the shim's pid namespace; 0 if it has ended.
    pub pid: i32,
    /// Whether the shim knows `Detach` and `Delivered`.
    pub resumes: bool,
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

    /// Hangs up.
    pub fn detach(self) {
        if self.resumes {
            // A shim that is gone needs no word.
            let _gone = self.send(&Frame::Detach);
        }
    }

    /// Receives one frame; `None` when the shim has died. Nothing comes after `Exit`.
    ///
    /// # Errors
    /// The socket's, or that what came is no frame.
    pub fn receive(&self) -> Result<Option<Frame>, ReadError> {
        frame::read(&self.socket)
    }

    /// Collects all output until the process has ended, and hangs up.
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
                    self.detach();
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
