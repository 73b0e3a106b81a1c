//! Archives on their way into or out of a container.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use super::{Error, talk};
use crate::frame::{self, Frame};

/// How much goes into one frame.
const PIECE: usize = 1 << 16;

/// A tar archive being unpacked: write it, then [`finish`](StreamIn::finish). One that is dropped
/// before leaves what has been unpacked so far.
#[derive(Debug)]
pub struct StreamIn {
    handle: String,
    socket: UnixStream,
}

impl StreamIn {
    pub(super) fn new(handle: &str, socket: UnixStream) -> Self {
        Self {
            handle: handle.to_owned(),
            socket,
        }
    }

    /// Says that the archive is complete and waits until it is unpacked and on disk.
    ///
    /// # Errors
    /// [`Error::Stream`] with the cause, also if writing has failed with a broken pipe before.
    pub fn finish(self) -> Result<(), Error> {
        // A refusal may have come long before the end, and the connection be closed since: what
        // was said then is still to be read.
        let _the_answer_tells = frame::write(&self.socket, &Frame::End);
        talk::answer(&self.socket, &self.handle, "")
    }

    /// The socket, for who does it himself: `Data` frames, `End`; then `Ok` or `Failed` is read.
    /// `Failed` may come at any time, and nothing is read by the shim after that.
    #[must_use]
    pub fn into_socket(self) -> UnixStream {
        self.socket
    }
}

impl Write for StreamIn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        let header = frame::output_header(None, piece.len()).map_err(io::Error::other)?;
        (&self.socket).write_all(&header)?;
        (&self.socket).write_all(piece)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A tar archive being packed: read it to its end. A failure on the way is an error of reading,
/// never a clean end; its inner error is an [`Error`].
#[derive(Debug)]
pub struct StreamOut {
    handle: String,
    socket: UnixStream,
    /// What came and has not been asked for yet.
    rest: Vec<u8>,
    at: usize,
    ended: bool,
}

impl StreamOut {
    pub(super) fn new(handle: &str, socket: UnixStream) -> Self {
        Self {
            handle: handle.to_owned(),
            socket,
            rest: Vec::new(),
            at: 0,
            ended: false,
        }
    }

    /// The socket, for who does it himself: `Data` frames until `End` or `Failed`. Not after
    /// anything has been read.
    #[must_use]
    pub fn into_socket(self) -> UnixStream {
        self.socket
    }

    fn next(&mut self) -> io::Result<()> {
        match frame::read(&self.socket).map_err(io::Error::other)? {
            Some(Frame::Data(bytes)) => {
                self.rest = bytes;
                self.at = 0;
            }
            Some(Frame::End) => self.ended = true,
            Some(Frame::Failed(json)) => {
                let error = match serde_json::from_slice(&json) {
                    Ok(failure) => Error::of(failure, &self.handle, ""),
                    Err(_) => Error::Answer {
                        handle: self.handle.clone(),
                    },
                };
                return Err(io::Error::other(error));
            }
            Some(_) => {
                return Err(io::Error::other(Error::Answer {
                    handle: self.handle.clone(),
                }));
            }
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        Ok(())
    }
}

impl Read for StreamOut {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.rest.len() && !self.ended {
            self.next()?;
        }
        let read = self.rest.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
