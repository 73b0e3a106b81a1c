//! A process that the shim has started: its pipes or terminal, its output, its end.
//!
//! Its standard input is a queue in front of the pipe; a session is not read while that is full.
//! A process is through when it has ended and nobody holds its outputs any more; its sessions are
//! through when they have been given all of them. Who joins and leaves: [`super::resume`].

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open};
use rustix::termios::{LocalModes, SpecialCodeIndex, tcgetattr};
use warren_container_runtime::engine::Stdio;
use warren_sys_cgroup::GroupSet;

use super::connection::PIECE;
use super::poller::{Poller, Token, Watched};
use crate::exit::Exit;
use crate::frame::Stream;
use crate::ring::Ring;

/// How much input is held for a process that does not read it, in bytes.
const INPUT: usize = 1 << 20;

/// The shim's ends of a process's standard descriptors.
#[derive(Debug)]
pub(super) enum Ends {
    /// Three pipes.
    Pipes {
        /// Where input goes.
        input: OwnedFd,
        /// Where output comes from.
        outputs: [OwnedFd; 2],
    },
    /// A terminal: its master, and its slave, which is held until the process has ended. Without
    /// it the terminal would look closed for good to us when the process closes it for a while.
    Terminal {
        /// Ours.
        master: OwnedFd,
        /// The process's.
        slave: OwnedFd,
    },
}

impl Ends {
    /// Three pipes: ours, and the process's.
    pub fn pipes() -> Result<(Self, Stdio), Errno> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC);
        let ((stdin, input), (one, stdout), (two, stderr)) = (pipe()?, pipe()?, pipe()?);
        for end in [&input, &one, &two] {
            nonblocking(end)?;
        }
        let ours = Self::Pipes {
            input,
            outputs: [one, two],
        };
        let theirs = Stdio::Files {
            stdin,
            stdout,
            stderr,
        };
        Ok((ours, theirs))
    }

    /// A terminal.
    pub fn terminal(master: OwnedFd, slave: OwnedFd) -> Result<(Self, Stdio), Errno> {
        nonblocking(&master)?;
        let theirs = Stdio::Terminal(rustix::io::fcntl_dupfd_cloexec(&slave, 3)?);
        Ok((Self::Terminal { master, slave }, theirs))
    }
}

pub(super) fn nonblocking(fd: impl AsFd) -> Result<(), Errno> {
    let flags = rustix::fs::fcntl_getfl(&fd)?;
    rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)
}

/// A process.
#[derive(Debug)]
pub(super) struct Process {
    pub id: String,
    pub pid: Pid,
    handle: Option<Watched<OwnedFd>>,
    pub exit: Option<Exit>,
    input: Option<Watched<OwnedFd>>,
    queue: VecDeque<u8>,
    input_ends: bool,
    outputs: [Option<Watched<OwnedFd>>; 2],
    is_terminal: bool,
    slave: Option<OwnedFd>,
    pub rings: [Ring; 2],
    /// Whether the log has it that output of each is dropped.
    pub told: [bool; 2],
    pub sessions: Vec<u32>,
    /// Those of a process with a root directory of its own.
    pub groups: Option<GroupSet>,
    /// Who waits for its end.
    pub waiters: Vec<u32>,
}

/// Both outputs with their places.
pub(super) const STREAMS: [(usize, Stream); 2] = [(0, Stream::Stdout), (1, Stream::Stderr)];

impl Process {
    /// One that has just been started, and has not been waited for. `patience`: how long it waits
    /// for a session that takes nothing.
    pub fn new(
        key: u32,
        id: String,
        pid: Pid,
        ends: Ends,
        patience: Duration,
    ) -> Result<Self, Errno> {
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        let (input, outputs, slave) = match ends {
            Ends::Pipes {
                input,
                outputs: [one, two],
            } => (input, [Some(one), Some(two)], None),
            // Two descriptors, as each is waited for in its own way.
            Ends::Terminal { master, slave } => {
                let output = rustix::io::fcntl_dupfd_cloexec(&master, 3)?;
                (master, [Some(output), None], Some(slave))
            }
        };
        let mut part = 0;
        let outputs = outputs.map(|output| {
            let token = Token::Output(key, part);
            part += 1;
            output.map(|fd| Watched::new(fd, token))
        });
        Ok(Self {
            id,
            pid,
            handle: Some(Watched::new(handle, Token::Ended(key))),
            exit: None,
            input: Some(Watched::new(input, Token::Input(key))),
            queue: VecDeque::new(),
            input_ends: false,
            outputs,
            is_terminal: slave.is_some(),
            slave,
            rings: [Ring::new(patience), Ring::new(patience)],
            told: [false; 2],
            sessions: Vec::new(),
            groups: None,
            waiters: Vec::new(),
        })
    }

    /// Whether it has ended and all of its output is in the rings.
    pub fn is_through(&self) -> bool {
        self.exit.is_some() && self.outputs.iter().all(Option::is_none)
    }

    /// Moves on sessions that keep the process waiting for too long. When the process has closed its
    /// output nobody waits, and a reader may take all the time it likes.
    pub fn expire(&mut self, now: Instant) {
        for (output, ring) in self.outputs.iter().zip(&mut self.rings) {
            ring.expire(output.is_some(), now);
        }
    }

    /// When that has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let streams = self.outputs.iter().zip(&self.rings);
        streams
            .filter_map(|(output, ring)| ring.deadline(output.is_some()))
            .min()
    }

    /// Whether more input may be queued. What comes after the end is thrown away.
    pub fn takes_input(&self) -> bool {
        self.queue.len() < INPUT || self.is_through()
    }

    /// Queues input. Nothing, once it has ended.
    pub fn put(&mut self, bytes: &[u8]) {
        if self.input.is_some() && !self.input_ends && !self.is_through() {
            self.queue.extend(bytes);
        }
    }

    /// No more input comes: the pipe is closed after what is queued. A terminal that gathers lines
    /// is told by its own character for that, and stays open.
    pub fn end_input(&mut self) {
        if !self.is_terminal {
            self.input_ends = true;
            return;
        }
        let attributes = self.input.as_ref().and_then(|fd| tcgetattr(fd).ok());
        if let Some(attributes) = attributes
            && attributes.local_modes.contains(LocalModes::ICANON)
        {
            self.put(&[attributes.special_codes[SpecialCodeIndex::VEOF]]);
        }
    }

    /// The session that started it is gone, and cannot say that it hangs up: a pipe's input ends, a
    /// terminal's may be taken up by another session.
    pub fn hang_up_input(&mut self) {
        if !self.is_terminal {
            self.input_ends = true;
        }
    }

    /// Changes the size of its terminal. Others have none.
    pub fn resize(&self, columns: u16, rows: u16) {
        if let (true, Some(master)) = (self.is_terminal, &self.input) {
            let size = crate::spec::Terminal { columns, rows };
            // The terminal may have been hung up.
            let _gone = warren_container_runtime::engine::resize(master, size);
        }
    }

    /// Sends a signal to this one process. One that has ended is left alone.
    pub fn signal(&self, number: i32) -> Result<(), Errno> {
        let Some(handle) = self.handle.as_ref() else {
            return Ok(());
        };
        let signal = Signal::from_named_raw(number).ok_or(Errno::INVAL)?;
        match rustix::process::pidfd_send_signal(handle, signal) {
            Err(Errno::SRCH) => Ok(()),
            other => other,
        }
    }

    /// Writes queued input, as far as the pipe takes it.
    pub fn write_input(&mut self, poller: &Poller) {
        if self.is_through() {
            // It may be kept for its output, but not for this.
            self.close_input(poller);
        }
        while let Some(fd) = &self.input {
            let (front, _) = self.queue.as_slices();
            if front.is_empty() {
                break;
            }
            match rustix::io::write(fd, front) {
                Ok(written) => {
                    self.queue.drain(..written);
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                // Nobody reads it any more.
                Err(_) => {
                    self.close_input(poller);
                    return;
                }
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
            if self.input_ends {
                self.close_input(poller);
            }
        }
    }

    fn close_input(&mut self, poller: &Poller) {
        self.queue = VecDeque::new();
        if let Some(fd) = self.input.take() {
            drop(poller.forget(fd));
        }
    }

    /// Reads output once.
    pub fn read_output(&mut self, part: u8, poller: &Poller, now: Instant) {
        let part = usize::from(part);
        let (Some(slot), Some(ring)) = (self.outputs.get_mut(part), self.rings.get_mut(part))
        else {
            return;
        };
        let Some(fd) = slot else { return };
        let mut piece = [0; PIECE];
        let room = ring.room().min(PIECE);
        let Some(piece) = piece.get_mut(..room).filter(|piece| !piece.is_empty()) else {
            return;
        };
        match rustix::io::read(fd, &mut *piece) {
            Ok(read) if read > 0 => {
                ring.push(piece.get(..read).unwrap_or_default(), now);
                self.tell_loss();
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The end; of a terminal EIO: nobody has it open any more.
            Ok(_) | Err(_) => {
                if let Some(fd) = slot.take() {
                    drop(poller.forget(fd));
                }
            }
        }
    }

    /// Learns how it has ended. `None` if it has not.
    pub fn reap(&mut self, poller: &Poller) -> Option<Exit> {
        let handle = self.handle.as_ref()?;
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let exit = match rustix::process::waitid(WaitId::PidFd(handle.as_fd()), options) {
            Ok(Some(status)) => Exit::of(&status),
            Ok(None) | Err(Errno::INTR) => return None,
            // Somebody else has waited for it, which nobody does.
            Err(_) => Exit::Status(255),
        };
        if let Some(handle) = self.handle.take() {
            drop(poller.forget(handle));
        }
        self.slave = None;
        self.exit = Some(exit);
        Some(exit)
    }

    /// Tells the poller what is waited for.
    pub fn watch(&mut self, poller: &Poller) -> Result<(), Errno> {
        if let Some(handle) = &mut self.handle {
            poller.set(handle, Some(EventFlags::IN))?;
        }
        if let Some(input) = &mut self.input {
            let waits = !self.queue.is_empty();
            poller.set(input, waits.then_some(EventFlags::OUT))?;
        }
        for (output, ring) in self.outputs.iter_mut().zip(&self.rings) {
            if let Some(output) = output {
                poller.set(output, (ring.room() > 0).then_some(EventFlags::IN))?;
            }
        }
        Ok(())
    }

    /// Lets go of everything.
    pub fn close(mut self, poller: &Poller) {
        self.close_input(poller);
        let [one, two] = self.outputs;
        for fd in [one, two, self.handle].into_iter().flatten() {
            drop(poller.forget(fd));
        }
    }
}
