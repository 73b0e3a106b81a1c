//! epoll, with a name for each descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

/// Whose descriptor is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// The listening socket.
    Listener,
    /// A connection.
    Connection(u32),
    /// A process's standard input, or its terminal.
    Input(u32),
    /// A process's output: 0 standard output, 1 standard error.
    Output(u32, u8),
    /// A process has ended.
    Ended(u32),
    /// Init has ended.
    Init,
    /// The pipe of an archive.
    Archive(u32),
    /// What went wrong with an archive.
    Complaint(u32),
    /// The process that packs or unpacks an archive has ended.
    ArchiveEnded(u32),
    /// A process was killed for memory.
    Memory,
}

impl Token {
    fn pack(self) -> u64 {
        let (kind, part, key) = match self {
            Token::Listener => (0, 0, 0),
            Token::Connection(key) => (1, 0, key),
            Token::Input(key) => (2, 0, key),
            Token::Output(key, part) => (3, part, key),
            Token::Ended(key) => (4, 0, key),
            Token::Init => (5, 0, 0),
            Token::Archive(key) => (6, 0, key),
            Token::Complaint(key) => (7, 0, key),
            Token::ArchiveEnded(key) => (8, 0, key),
            Token::Memory => (9, 0, 0),
        };
        (kind << 40) | (u64::from(part) << 32) | u64::from(key)
    }

    fn unpack(number: u64) -> Option<Self> {
        let key = u32::try_from(number & u64::from(u32::MAX)).ok()?;
        let part = u8::try_from((number >> 32) & 0xff).ok()?;
        Some(match number >> 40 {
            0 => Token::Listener,
            1 => Token::Connection(key),
            2 => Token::Input(key),
            3 => Token::Output(key, part),
            4 => Token::Ended(key),
            5 => Token::Init,
            6 => Token::Archive(key),
            7 => Token::Complaint(key),
            8 => Token::ArchiveEnded(key),
            9 => Token::Memory,
            _ => return None,
        })
    }
}

/// A descriptor that epoll may know. Give it back by [`Poller::forget`]: a child that was forked
/// meanwhile may hold a copy, and then closing it alone does not end the events.
#[derive(Debug)]
pub(super) struct Watched<F> {
    fd: F,
    token: Token,
    /// What epoll was told; `None`: it does not know the descriptor.
    interest: Option<EventFlags>,
}

impl<F> Watched<F> {
    /// One that is not watched yet.
    pub fn new(fd: F, token: Token) -> Self {
        Self {
            fd,
            token,
            interest: None,
        }
    }

    /// The descriptor.
    pub fn get(&self) -> &F {
        &self.fd
    }

    /// The descriptor, to be changed.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.fd
    }
}

impl<F: AsFd> AsFd for Watched<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// An epoll instance.
#[derive(Debug)]
pub(super) struct Poller(OwnedFd);

/// How many events are taken at once.
const BATCH: usize = 16;

impl Poller {
    pub fn new() -> Result<Self, Errno> {
        epoll::create(CreateFlags::CLOEXEC).map(Self)
    }

    /// Says what is waited for. `Some` of nothing still tells of hang-ups and errors; `None` of
    /// nothing at all.
    pub fn set<F: AsFd>(
        &self,
        watched: &mut Watched<F>,
        interest: Option<EventFlags>,
    ) -> Result<(), Errno> {
        if watched.interest == interest {
            return Ok(());
        }
        let data = EventData::new_u64(watched.token.pack());
        match (watched.interest, interest) {
            (None, Some(flags)) => epoll::add(&self.0, &watched.fd, data, flags)?,
            (Some(_), Some(flags)) => epoll::modify(&self.0, &watched.fd, data, flags)?,
            (_, None) => epoll::delete(&self.0, &watched.fd)?,
        }
        watched.interest = interest;
        Ok(())
    }

    /// No longer watches a descriptor, and gives it back.
    pub fn forget<F: AsFd>(&self, mut watched: Watched<F>) -> F {
        // What epoll does not know is forgotten.
        let _gone = self.set(&mut watched, None);
        watched.fd
    }

    /// Waits for events, at most for a time.
    pub fn wait(&self, limit: Option<Duration>) -> Result<Vec<(Token, EventFlags)>, Errno> {
        // A limit that is too long for the kernel's type is none.
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        let empty = Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(0),
        };
        let mut events = [empty; BATCH];
        match epoll::wait(&self.0, &mut events, limit.as_ref()) {
            Ok(ready) => Ok(events
                .iter()
                .take(ready)
                .filter_map(|event| Some((Token::unpack(event.data.u64())?, event.flags)))
                .collect()),
            Err(Errno::INTR) => Ok(Vec::new()),
            Err(errno) => Err(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        let all = [
            Token::Listener,
            Token::Connection(u32::MAX),
            Token::Input(1),
            Token::Output(7, 1),
            Token::Ended(2),
            Token::Init,
            Token::Archive(3),
            Token::Complaint(4),
            Token::ArchiveEnded(5),
            Token::Memory,
        ];
        for token in all {
            assert_eq!(Token::unpack(token.pack()), Some(token));
        }
        assert_eq!(Token::unpack(u64::MAX), None);
    }

    #[test]
    fn only_what_is_waited_for_is_told_and_a_closed_copy_stays_silent() {
        let poller = Poller::new().unwrap();
        let (read, write) = rustix::pipe::pipe().unwrap();
        let copy = read.try_clone().unwrap();
        let mut watched = Watched::new(read, Token::Input(1));
        rustix::io::write(&write, b"x").unwrap();
        let now = Some(Duration::ZERO);
        assert_eq!(poller.wait(now).unwrap(), []);
        poller.set(&mut watched, Some(EventFlags::IN)).unwrap();
        assert_eq!(
            poller.wait(now).unwrap(),
            [(Token::Input(1), EventFlags::IN)]
        );
        poller.set(&mut watched, Some(EventFlags::empty())).unwrap();
        assert_eq!(poller.wait(now).unwrap(), []);
        poller.set(&mut watched, Some(EventFlags::IN)).unwrap();
        drop(poller.forget(watched));
        assert_eq!(poller.wait(now).unwrap(), []);
        drop(copy);
    }
}
