//! An archive on its way into or out of the container: a child inside packs or unpacks, a pipe
//! carries what went wrong, and another the bytes that come out. Those that go in are read from the
//! client's connection by the child itself.
//!
//! ```text
//!   client ── Data, End ──────────────► child: extract, sync ──┐
//!   client ◄── Ok or Failed ◄──── complaint, exit status ◄─────┘
//! ```

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
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
use crate::frame::ArchiveReader;
use crate::wire::{Failure, FailureKind};

/// How much of a complaint is kept, in bytes.
const COMPLAINT: usize = 16 << 10;

/// One archive.
#[derive(Debug)]
pub(super) struct Job {
    pub connection: u32,
    /// Into the container, or out of it.
    inwards: bool,
    /// Of an archive that comes out.
    pipe: Option<Watched<OwnedFd>>,
    complaint: Option<Watched<OwnedFd>>,
    text: Vec<u8>,
    child: Option<Watched<OwnedFd>>,
    exit: Option<Exit>,
}

/// How it came out.
pub(super) type Outcome = Result<(), Failure>;

impl Job {
    /// Begins to unpack what comes on the client's connection, of which nobody else reads then.
    pub fn unpack(
        engine: &impl Engine,
        key: u32,
        connection: u32,
        socket: &UnixStream,
        user: &str,
        destination: &Path,
    ) -> Result<Self, Failure> {
        let (complaint, complain) = pipe()?;
        let pid = engine.within(user, Some(destination), || {
            if close_all_but(&[socket.as_fd(), complain.as_fd()]).is_err() {
                return 1;
            }
            tell(&complain, unpack_here(socket))
        })?;
        Self::new(key, connection, true, None, complaint, pid)
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
        Self::new(key, connection, false, Some(ours), complaint, pid)
    }

    fn new(
        key: u32,
        connection: u32,
        inwards: bool,
        pipe: Option<OwnedFd>,
        complaint: OwnedFd,
        pid: Pid,
    ) -> Result<Self, Failure> {
        let prepared = pipe
            .as_ref()
            .map_or(Ok(()), nonblocking)
            .and_then(|()| nonblocking(&complaint))
            .and_then(|()| pidfd_open(pid, PidfdFlags::empty()));
        let child = prepared.map_err(|errno| super::engine::other(&errno))?;
        Ok(Self {
            connection,
            inwards,
            pipe: pipe.map(|pipe| Watched::new(pipe, Token::Archive(key))),
            complaint: Some(Watched::new(complaint, Token::Complaint(key))),
            text: Vec::new(),
            child: Some(Watched::new(child, Token::ArchiveEnded(key))),
            exit: None,
        })
    }

    /// Reads a piece of the archive; `None` if there is none now.
    pub fn read(&mut self, poller: &Poller) -> Option<Vec<u8>> {
        let fd = self.pipe.as_ref()?;
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
        if self.pipe.is_some() {
            return None;
        }
        if exit == Exit::Status(0) {
            return Some(Ok(()));
        }
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let message = match (text.is_empty(), exit) {
            (false, _) => text,
            (true, Exit::Status(status)) => format!("the archiver exited with {status}"),
            (true, Exit::Signal(signal)) => format!("the archiver was killed by signal {signal}"),
        };
        Some(Err(Failure::new(FailureKind::Stream, message)))
    }

    /// The client is gone: nobody wants the rest. One that unpacks notices by itself.
    pub fn abandon(&mut self, poller: &Poller) {
        if let (false, Some(child)) = (self.inwards, &self.child) {
            let _may_have_ended = rustix::process::pidfd_send_signal(child, Signal::KILL);
        }
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
            poller.set(fd, wanted.then_some(EventFlags::IN))?;
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
fn unpack_here(from: &UnixStream) -> Result<(), String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let here = rustix::fs::openat(CWD, c".", flags, Mode::empty())
        .map_err(|errno| format!("cannot open the destination: {errno}"))?;
    let socket = from.try_clone().map_err(|error| error.to_string())?;
    let mut archive = ArchiveReader::new(socket.into());
    // The only way to read it is to set it.
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    warren_container_stream::extract(&mut archive, here.as_fd(), umask.bits())
        .map_err(|error| chain(&error))?;
    // What follows the archive's own end counts for nothing, but the client sends it.
    archive.finish().map_err(|error| error.to_string())?;
    rustix::fs::syncfs(&here).map_err(|errno| format!("cannot sync the destination: {errno}"))
}

fn tell(complain: &OwnedFd, outcome: Result<(), String>) -> i32 {
    let Err(text) = outcome else { return 0 };
    if let Ok(pipe) = complain.try_clone() {
        let _the_status_tells = File::from(pipe).write_all(text.as_bytes());
    }
    1
}
