//! Between a keeper and a child that is being set up.
//!
//! A pair of sockets that keep messages whole, closed when the child executes its program:
//!
//! ```text
//! keeper ── go ──────────────────────────► child   ids mapped
//! keeper ◄──────────── ready + descriptor ─ child   set up (init: waits)
//! keeper ── start ───────────────────────► init
//! keeper ◄──────────────── end of stream ── child   program executed, or dead
//! keeper ◄──────────────────────── failed ─ child   and it exits
//! ```

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};
use warren_sys_process::passing;

use super::error::Failure;

/// Longest a child may take for one step. A file system of the container's can make it hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Longest message.
const LONGEST: usize = 16 << 10;

/// One end.
#[derive(Debug)]
pub struct Channel(OwnedFd);

/// What one end tells the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// To the child: go on with the set-up.
    Go,
    /// From the child: set up.
    Ready,
    /// To init: execute the program.
    Start,
    /// From the child: it did not work.
    Failed(Refusal),
}

/// Why a child gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    /// A step.
    Step(Failure),
    /// No such program.
    NotFound,
    /// The program cannot be executed.
    NotExecutable(i32),
    /// No such user.
    NoUser(String),
    /// No such group.
    NoGroup(String),
    /// `passwd` or `group` cannot be read.
    UserFile(String, i32),
    /// The working directory.
    Directory(String, Failure),
    /// A resource limit.
    Limit(String, u64, i32),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Step(failure)
    }
}

/// What came of waiting for a message.
#[derive(Debug)]
pub(super) enum Received {
    /// A message, and the descriptor that came with it.
    Message(Message, Option<OwnedFd>),
    /// The other end is closed.
    End,
    /// Nothing came in time.
    Nothing,
}

impl Channel {
    /// Both ends.
    pub(super) fn pair() -> Result<(Self, Self), Errno> {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self(one), Self(other)))
    }

    /// Sends a message.
    pub(super) fn send(&self, message: &Message, with: Option<BorrowedFd<'_>>) {
        // Its types have no value that JSON lacks.
        let Ok(text) = serde_json::to_vec(message) else {
            return;
        };
        // That the other end is gone shows when receiving.
        let whole = text.get(..LONGEST.min(text.len())).unwrap_or(&text);
        let _ = passing::send(&self.0, whole, with);
    }

    /// Waits for a message; without a limit for as long as it takes.
    pub(super) fn receive(&self, limit: Option<Duration>) -> Result<Received, Errno> {
        if let Some(limit) = limit
            && !self.readable(limit)?
        {
            return Ok(Received::Nothing);
        }
        let mut text = vec![0_u8; LONGEST];
        let (length, descriptor) = passing::receive(&self.0, &mut text)?;
        if length == 0 {
            return Ok(Received::End);
        }
        serde_json::from_slice(text.get(..length).unwrap_or_default())
            .map(|message| Received::Message(message, descriptor))
            .map_err(|_| Errno::PROTO)
    }

    fn readable(&self, limit: Duration) -> Result<bool, Errno> {
        let started = Instant::now();
        loop {
            let left = Timespec::try_from(limit.saturating_sub(started.elapsed())).ok();
            let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut polled, left.as_ref()) {
                Ok(0) => return Ok(false),
                Ok(_) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_whole_and_carry_a_descriptor() {
        let (one, other) = Channel::pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        let failure = Failure::new("mount", "/proc", Errno::PERM);
        one.send(&Message::Ready, Some(file.as_fd()));
        one.send(&Message::Failed(failure.clone().into()), None);
        let first = other.receive(None).unwrap();
        assert!(matches!(first, Received::Message(Message::Ready, Some(_))));
        let Received::Message(Message::Failed(Refusal::Step(got)), None) =
            other.receive(None).unwrap()
        else {
            panic!("not the failure");
        };
        assert_eq!(got, failure);
        let nothing = other.receive(Some(Duration::ZERO)).unwrap();
        assert!(matches!(nothing, Received::Nothing));
        drop(one);
        assert!(matches!(other.receive(None).unwrap(), Received::End));
    }
}
