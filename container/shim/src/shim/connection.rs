//! One connection: frames in, frames out, nothing that waits.
//!
//! ```text
//!   Fresh ──request──► Session ──Exit──► Leaving ──all sent──► closed
//!     │                   └─ if it can be resumed: Exit ──► Session, until it hangs up
//!     │                Unpacking, Packing ──► Leaving
//!     ├──────────────► Waiting (for Stop or Kill) ──► Leaving
//!     └─ other requests ─────────────────────────────► Leaving
//! ```

use std::io::ErrorKind;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::event::epoll::EventFlags;
use serde::Serialize;

use super::poller::{Poller, Token, Watched};
use crate::frame::{self, Decoder, Frame};
use crate::wire::Failure;

/// How much is read at once, and how much output is put into one frame.
pub(super) const PIECE: usize = 16 << 10;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its request has not come yet.
    Fresh,
    /// It follows a process.
    Session {
        /// Which.
        process: u32,
        /// Whether it is the one that started the process.
        first: bool,
        /// Whether it says that it hangs up.
        resumes: bool,
    },
    /// It sends an archive.
    Unpacking {
        /// The job.
        job: u32,
    },
    /// It is sent an archive.
    Packing {
        /// The job.
        job: u32,
    },
    /// It waits for the end of processes.
    Waiting,
    /// What is to be sent is sent, and then it is closed.
    Leaving,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Watched<UnixStream>,
    decoder: Decoder,
    /// What is being sent, and how far.
    out: Vec<u8>,
    sent: usize,
    pub role: Role,
    /// Nothing more will come.
    pub input_ended: bool,
    /// And all that had come has been acted on.
    pub input_done: bool,
    /// Nobody reads what is sent.
    pub gone: bool,
    /// The end of its process has been sent.
    pub is_told: bool,
}

impl Connection {
    /// Takes an accepted socket.
    pub fn new(socket: UnixStream, key: u32) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Watched::new(socket, Token::Connection(key)),
            decoder: Decoder::new(),
            out: Vec::new(),
            sent: 0,
            role: Role::Fresh,
            input_ended: false,
            input_done: false,
            gone: false,
            is_told: false,
        })
    }

    /// Tells the poller what is waited for. `reads`: whether frames are wanted now.
    pub fn watch(&mut self, poller: &Poller, reads: bool) -> Result<(), rustix::io::Errno> {
        let mut flags = EventFlags::empty();
        if reads && !self.input_ended {
            flags |= EventFlags::IN;
        }
        if self.is_sending() {
            flags |= EventFlags::OUT;
        }
        // That the other end is gone is told as long as it is there, whether or not one asks.
        let known = self.gone && flags.is_empty();
        poller.set(&mut self.socket, (!known).then_some(flags))
    }

    /// Closes it.
    pub fn close(self, poller: &Poller) {
        drop(poller.forget(self.socket));
    }

    /// The socket itself, for a child that reads on.
    pub fn socket(&self) -> &UnixStream {
        self.socket.get()
    }

    /// Reads once what there is.
    pub fn read(&mut self) {
        let mut piece = [0; PIECE];
        match self.socket.get_mut().read(&mut piece) {
            Ok(0) => self.input_ended = true,
            Ok(read) => self.decoder.feed(piece.get(..read).unwrap_or_default()),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => {
                self.input_ended = true;
                self.gone = true;
            }
        }
    }

    /// The next frame that has come whole.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, frame::Error> {
        self.decoder.next_frame()
    }

    /// Whether something has not been taken by the socket yet.
    pub fn is_sending(&self) -> bool {
        self.sent < self.out.len()
    }

    /// Sends a frame after what is being sent.
    pub fn send(&mut self, frame: &Frame) {
        // The only failure is a frame that is too long, of which there is none from here.
        let _short = frame::encode(frame, &mut self.out);
    }

    /// Sends `Ok` with an answer.
    pub fn answer(&mut self, answer: &impl Serialize) {
        match serde_json::to_vec(answer) {
            Ok(json) if json.len() <= frame::LONGEST => self.send(&Frame::Ok(json)),
            Ok(json) => {
                let text = format!("the answer has {} bytes, too many for a frame", json.len());
                self.refuse(&super::other_text(text));
            }
            Err(error) => self.refuse(&super::engine::other(&error)),
        }
    }

    /// Sends `Failed`, and closes after that.
    pub fn refuse(&mut self, failure: &Failure) {
        let json = serde_json::to_vec(failure).unwrap_or_default();
        self.send(&Frame::Failed(json));
        self.role = Role::Leaving;
    }

    /// Gives the socket what it takes.
    pub fn flush(&mut self) {
        if self.gone {
            self.out = Vec::new();
            self.sent = 0;
        }
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.get_mut().write(rest) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.gone = true;
                    break;
                }
            }
        }
        self.out = Vec::new();
        self.sent = 0;
    }
}
