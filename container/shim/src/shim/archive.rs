//! An archive on its way into or out of the container: a child inside packs or unpacks, a pipe
//! carries the bytes, another what went wrong.
//!
//! ```text
//!   client ── Data ──► connection ──► pipe ──► child: extract, sync ──┐
//!   client ◄── Ok or Failed ◄────────── complaint, exit status ◄──────┘
//! ```

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::epoll::EventFlags;
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open};
use warren_lib_errchain::chain;
use warren_sys_process::descriptors::close_all_but;

use super::connection::PIECE;
use super::engine::Engine;
use super::poller::{Poller, Token, Watched};
use super::process::nonblocking;
use crate::exit::Exit;
use crate::wire::{Failure, FailureKind};

/// How much of a complaint is kept, in bytes.
const COMPLAINT: usize = 16 << 10;

/// One archive.
#[derive(Debug)]
pub(super) struct Job {
    pub connection: u32,
    /// Into the container, or out of it.
    inwards: bool,
    pipe: Option<Watched<OwnedFd>>,
    /// What has come and the pipe has not taken.
    queue: Vec<u8>,
    written: usize,
    complaint: Option<Watched<OwnedFd>>,
    text: Vec<u8>,
    child: Option<Watched<OwnedFd>>,
    exit: Option<Exit>,
    /// The client has sent all of it.
    pub complete: bool,
}

/// How it came out.
pub(super) type Outcome = Result<(), Failure>;

impl Job {
    /// Begins to unpack.
    pub fn unpack(
        engine: &impl Engine,
        key: u32,
        connection: u32,
        user: &str,
        destination: &Path,
    ) -> Result<Self, Failure> {
        let (theirs, ours) = pipe()?;
        let (complaint, complain) = pipe()?;
        let pid = engine.within(user, Some(destination), || {
            if close_all_but(&[theirs.as_fd(), complain.as_fd()]).is_err() {
                return 1;
            }
            tell(&complain, unpack_here(&theirs))
        })?;
        Self::new(key, connection, true, ours, complaint, pid)
    }

    /// Begins to pack.
    pub fn pack(
        engine: &impl Engine,
        key: u32,
        connection: u32,
        user: &str,
        source: &Path,
    ) -> Result<Self, Failure> {
        let (ours, theirs) = pipe()?;
        let (complaint, complain) = pipe()?;
        let pid = engine.within(user, None, || {
            if close_all_but(&[theirs.as_fd(), complain.as_fd()]).is_err() {
                return 1;
            }
            let packed = theirs
                .try_clone()
                .map_err(|error| error.to_string())
                .and_then(|pipe| {
                    warren_container_stream::archive(File::from(pipe), source)
                        .map_err(|error| chain(&error))
                });
            tell(&complain, packed)
        })?;
        Self::new(key, connection, false, ours, complaint, pid)
    }

    fn new(
        key: u32,
        connection: u32,
        inwards: bool,
        pipe: OwnedFd,
        complaint: OwnedFd,
        pid: Pid,
    ) -> Result<Self, Failure> {
        let prepared = nonblocking(&pipe)
            .and_then(|()| nonblocking(&complaint))
            .and_then(|()| pidfd_open(pid, PidfdFlags::empty()));
        let child = prepared.map_err(|errno| super::engine::other(&errno))?;
        Ok(Self {
            connection,
            inwards,
            pipe: Some(Watched::new(pipe, Token::Archive(key))),
            queue: Vec::new(),
            written: 0,
            complaint: Some(Watched::new(complaint, Token::Complaint(key))),
            text: Vec::new(),
            child: Some(Watched::new(child, Token::ArchiveEnded(key))),
            exit: None,
            complete: false,
        })
    }

    /// Whether more of the archive may be put.
    pub fn takes(&self) -> bool {
        self.queue.is_empty() && !self.complete
    }

    /// A piece of the archive. What comes after the child has seen enough is dropped.
    pub fn put(&mut self, bytes: Vec<u8>, poller: &Poller) {
        if self.pipe.is_some() {
            self.queue = bytes;
            self.written = 0;
            self.write(poller);
        }
    }

    /// Gives the pipe what it takes; closes it after the last byte.
    pub fn write(&mut self, poller: &Poller) {
        while let (Some(fd), Some(rest)) = (&self.pipe, self.queue.get(self.written..)) {
            if rest.is_empty() {
                break;
            }
            match rustix::io::write(fd, rest) {
                Ok(written) => self.written += written,
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(_) => self.close_pipe(poller),
            }
        }
        self.queue = Vec::new();
        self.written = 0;
        if self.complete {
            self.close_pipe(poller);
        }
    }

    /// Reads a piece of the archive; `None` if there is none now.
    pub fn read(&mut self, poller: &Poller) -> Option<Vec<u8>> {
        let fd = self.pipe.as_ref().filter(|_| !self.inwards)?;
        let mut piece = vec![0; 4 * PIECE];
        match rustix::io::read(fd, &mut piece[..]) {
            Ok(read) if read > 0 => {
                piece.truncate(read);
                return Some(piece);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => self.close_pipe(poller),
        }
        None
    }

    fn close_pipe(&mut self, poller: &Poller) {
        if let Some(fd) = self.pipe.take() {
            drop(poller.forget(fd));
        }
    }

    /// Reads what the child has to say.
    pub fn listen(&mut self, poller: &Poller) {
        let Some(fd) = &self.complaint else { return };
        let mut piece = [0; 4096];
        match rustix::io::read(fd, &mut piece) {
            Ok(read) if read > 0 => {
                let room = COMPLAINT.saturating_sub(self.text.len());
                self.text
                    .extend(piece.get(..read.min(room)).unwrap_or_default());
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => {
                if let Some(fd) = self.complaint.take() {
                    drop(poller.forget(fd));
                }
            }
        }
    }

    /// Learns how the child has ended.
    pub fn reap(&mut self, poller: &Poller) {
        let Some(child) = &self.child else { return };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let exit = match rustix::process::waitid(WaitId::PidFd(child.as_fd()), options) {
            Ok(Some(status)) => Exit::of(&status),
            Ok(None) | Err(Errno::INTR) => return,
            Err(_) => Exit::Status(255),
        };
        self.exit = Some(exit);
        if let Some(child) = self.child.take() {
            drop(poller.forget(child));
        }
    }

    /// Whether its child has ended and been waited for.
    pub fn is_reaped(&self) -> bool {
        self.exit.is_some()
    }

    /// How it came out, once that is known. One that comes out of the container has come out when
    /// the pipe is empty as well.
    pub fn outcome(&self) -> Option<Outcome> {
        let exit = self.exit.filter(|_| self.complaint.is_none())?;
        if !self.inwards && self.pipe.is_some() {
            return None;
        }
        if exit == Exit::Status(0) {
            // All that the client sends has to be taken before it is answered.
            return (!self.inwards || self.complete).then_some(Ok(()));
        }
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let message = match (text.is_empty(), exit) {
            (false, _) => text,
            (true, Exit::Status(status)) => format!("the archiver exited with {status}"),
            (true, Exit::Signal(signal)) => format!("the archiver was killed by signal {signal}"),
        };
        Some(Err(Failure::new(FailureKind::Stream, message)))
    }

    /// The client is gone: what has come is all there is, and nobody wants the rest.
    pub fn abandon(&mut self, poller: &Poller) {
        if let (false, Some(child)) = (self.inwards, &self.child) {
            let _may_have_ended = rustix::process::pidfd_send_signal(child, Signal::KILL);
        }
        self.complete = true;
        self.connection = 0;
        self.close_pipe(poller);
    }

    /// Tells the poller what is waited for. `wanted`: whether the client takes more of an archive.
    pub fn watch(&mut self, poller: &Poller, wanted: bool) -> Result<(), Errno> {
        if let Some(fd) = &mut self.complaint {
            poller.set(fd, Some(EventFlags::IN))?;
        }
        if let Some(fd) = &mut self.child {
            poller.set(fd, Some(EventFlags::IN))?;
        }
        if let Some(fd) = &mut self.pipe {
            let interest = if self.inwards {
                (!self.queue.is_empty()).then_some(EventFlags::OUT)
            } else {
                wanted.then_some(EventFlags::IN)
            };
            poller.set(fd, interest)?;
        }
        Ok(())
    }

    /// Lets go of everything.
    pub fn close(self, poller: &Poller) {
        for fd in [self.pipe, self.complaint, self.child]
            .into_iter()
            .flatten()
        {
            drop(poller.forget(fd));
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Failure> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|errno| super::engine::other(&errno))
}

/// In the child: unpacks into the working directory, and has it on disk before that is said.
fn unpack_here(from: &OwnedFd) -> Result<(), String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let here = rustix::fs::openat(CWD, c".", flags, Mode::empty())
        .map_err(|errno| format!("cannot open the destination: {errno}"))?;
    let pipe = from.try_clone().map_err(|error| error.to_string())?;
    // The only way to read it is to set it.
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    warren_container_stream::extract(File::from(pipe), here.as_fd(), umask.bits())
        .map_err(|error| chain(&error))?;
    rustix::fs::syncfs(&here).map_err(|errno| format!("cannot sync the destination: {errno}"))
}

fn tell(complain: &OwnedFd, outcome: Result<(), String>) -> i32 {
    let Err(text) = outcome else { return 0 };
    if let Ok(pipe) = complain.try_clone() {
        let _the_status_tells = File::from(pipe).write_all(text.as_bytes());
    }
    1
}
