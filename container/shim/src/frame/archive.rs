//! The archive inside a run of `Data` frames, read straight from a socket.
//!
//! Whoever unpacks reads the connection itself: a gigabyte does not pass through the shim. Only the
//! headers are looked at; the payload goes from the socket to where it is wanted.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{DATA, END, Error, HEADER, LONGEST};

/// Reads the archive up to `End`. The descriptor may be non-blocking.
#[derive(Debug)]
pub struct ArchiveReader {
    socket: OwnedFd,
    /// Bytes of the present frame that are still to come.
    left: usize,
    ended: bool,
}

impl ArchiveReader {
    /// Begins at a frame.
    #[must_use]
    pub fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            left: 0,
            ended: false,
        }
    }

    /// Reads the rest, so that the end is known to have come.
    ///
    /// # Errors
    /// As reading.
    pub fn finish(&mut self) -> io::Result<()> {
        let mut scrap = vec![0; 1 << 16];
        while self.read(&mut scrap)? > 0 {}
        Ok(())
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::read(&self.socket, &mut *buffer) {
                Ok(0) => {
                    let text = "the connection ended before the archive did";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
                }
                Ok(read) => return Ok(read),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut wait = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
                    match poll(&mut wait, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn next_frame(&mut self) -> io::Result<()> {
        let mut header = [0; HEADER];
        let mut have = 0;
        while let Some(rest @ [_, ..]) = header.get_mut(have..) {
            have += self.receive(rest)?;
        }
        let [kind, length @ ..] = header;
        let length = u32::from_le_bytes(length) as usize;
        match kind {
            DATA if length <= LONGEST => self.left = length,
            DATA => return Err(io::Error::other(Error::TooLong(length as u64))),
            END if length == 0 => self.ended = true,
            END => return Err(io::Error::other(Error::Payload(END))),
            kind => return Err(io::Error::other(Error::Kind(kind))),
        }
        Ok(())
    }
}

impl Read for ArchiveReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && !self.ended {
            self.next_frame()?;
        }
        let most = buffer.len().min(self.left);
        let Some(room @ [_, ..]) = buffer.get_mut(..most) else {
            return Ok(0);
        };
        let read = self.receive(room)?;
        self.left -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::super::{Frame, encode};
    use super::*;

    fn read(frames: &[Frame], cut: usize, nonblocking: bool) -> io::Result<Vec<u8>> {
        let (mut ours, theirs) = UnixStream::pair()?;
        theirs.set_nonblocking(nonblocking)?;
        let mut bytes = Vec::new();
        for frame in frames {
            encode(frame, &mut bytes).unwrap();
        }
        bytes.truncate(bytes.len() - cut);
        let writer = std::thread::spawn(move || {
            for piece in bytes.chunks(3) {
                ours.write_all(piece).unwrap();
            }
        });
        let mut reader = ArchiveReader::new(theirs.into());
        let mut found = Vec::new();
        let read = reader.read_to_end(&mut found);
        writer.join().unwrap();
        read.map(|_| found)
    }

    #[test]
    fn the_pieces_are_put_together_up_to_the_end() {
        let frames = [
            Frame::Data(b"one ".to_vec()),
            Frame::Data(Vec::new()),
            Frame::Data(b"two".to_vec()),
            Frame::End,
        ];
        for nonblocking in [false, true] {
            assert_eq!(read(&frames, 0, nonblocking).unwrap(), b"one two");
            for cut in 1..25 {
                let error = read(&frames, cut, nonblocking).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
            }
        }
    }

    #[test]
    fn other_frames_have_no_place_there() {
        let error = read(&[Frame::Signal(9), Frame::End], 0, true).unwrap_err();
        assert_eq!(error.to_string(), "there is no frame of kind 5");
    }
}
