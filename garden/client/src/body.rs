//! Bodies of answers, out of a connection.
//!
//! ```text
//! Content-Length: N     N bytes
//! chunked               { SIZE in hex [;...] CRLF, SIZE bytes, CRLF } ..., 0 CRLF, { trailer CRLF }, CRLF
//! neither               all up to the end of the connection
//! ```

use std::io::{self, Read};

use warren_wire_garden::hijack::Head;

use crate::http::Input;

/// Longest line between chunks.
const LINE: usize = 4096;

/// The body of an answer. A connection that ends too early is an error, not an end.
#[derive(Debug)]
pub struct Body {
    input: Input,
    frame: Frame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// So many bytes to come.
    Length(u64),
    /// All that comes.
    UntilClose,
    /// The line with a chunk's size.
    ChunkSize,
    /// So many bytes of a chunk to come.
    Chunk(u64),
    Done,
}

impl Body {
    pub(crate) fn new(head: &Head, input: Input) -> Self {
        let frame = if matches!(head.status, 204 | 304) {
            Frame::Done
        } else if head.is_chunked() {
            Frame::ChunkSize
        } else {
            head.content_length()
                .map_or(Frame::UntilClose, Frame::Length)
        };
        Self { input, frame }
    }

    /// Up to `most` bytes of a length that was announced.
    fn announced(&mut self, buffer: &mut [u8], most: u64) -> io::Result<usize> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let end = buffer.len().min(most);
        let read = self.input.read(buffer.get_mut(..end).unwrap_or_default())?;
        if read == 0 && end > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }

    /// The size in the next line that has one; after the last chunk, trailers are passed over.
    fn chunk(&mut self) -> io::Result<Frame> {
        let line = self.line()?;
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = str::from_utf8(size.trim_ascii()).ok();
        // A sign is no digit.
        let size = size.filter(|size| size.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(|| invalid("the size of a chunk is no number"))?;
        if size > 0 {
            return Ok(Frame::Chunk(size));
        }
        while !self.line()?.is_empty() {}
        Ok(Frame::Done)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            if self.input.read(&mut byte)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match byte[0] {
                b'\n' => {
                    if line.last() == Some(&b'\r') {
                        line.pop();
                    }
                    return Ok(line);
                }
                _ if line.len() >= LINE => {
                    return Err(invalid("a line between chunks is too long"));
                }
                other => line.push(other),
            }
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.frame {
                Frame::Done | Frame::Length(0) => return Ok(0),
                Frame::UntilClose => return self.input.read(buffer),
                Frame::Length(left) => {
                    let read = self.announced(buffer, left)?;
                    self.frame = Frame::Length(left - read as u64);
                    return Ok(read);
                }
                Frame::Chunk(0) => {
                    if !self.line()?.is_empty() {
                        return Err(invalid("a chunk is longer than its size"));
                    }
                    self.frame = Frame::ChunkSize;
                }
                Frame::Chunk(left) => {
                    let read = self.announced(buffer, left)?;
                    self.frame = Frame::Chunk(left - read as u64);
                    return Ok(read);
                }
                Frame::ChunkSize => self.frame = self.chunk()?,
            }
        }
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
