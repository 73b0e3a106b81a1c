//! Carrying bytes between a process and whoever watches it, and signals the other way.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::Signal;

/// Signals that mean the process, not us.
pub(super) const HANDED_ON: [Signal; 6] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
];

/// Signals that are read instead of obeyed.
#[derive(Debug)]
pub(super) struct Signals(Vec<(Signal, UnixStream)>);

impl Signals {
    /// From now on, for good. Makes no thread.
    pub fn hold(signals: &[Signal]) -> io::Result<Self> {
        let one = |signal: &Signal| {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal.as_raw(), theirs)?;
            Ok((*signal, ours))
        };
        signals.iter().map(one).collect::<io::Result<_>>().map(Self)
    }

    /// Readable when one has come.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|(_, stream)| stream.as_fd())
    }

    /// Those that have come.
    pub fn take(&mut self) -> Vec<Signal> {
        let mut came = Vec::new();
        for (signal, stream) in &mut self.0 {
            let mut bytes = [0; 64];
            if matches!(stream.read(&mut bytes), Ok(1..)) {
                came.push(*signal);
            }
        }
        came
    }

    /// Those that come in this time; returns with the first.
    pub fn wait(&mut self, limit: Duration) -> Vec<Signal> {
        let descriptors: Vec<BorrowedFd<'_>> = self.descriptors().collect();
        // That it failed shows in nothing having come.
        let _ = ready(&descriptors, Some(limit));
        drop(descriptors);
        self.take()
    }
}

/// Waits until one of these can be read or has ended; which can.
pub(super) fn ready(
    descriptors: &[BorrowedFd<'_>],
    limit: Option<Duration>,
) -> Result<Vec<bool>, Errno> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut polled, limit.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno),
    }
    Ok(polled
        .iter()
        .map(|each| !each.revents().is_empty())
        .collect())
}

/// From a pipe to a log and to whoever watches.
#[derive(Debug)]
pub(super) struct Tee {
    from: Option<File>,
    log: File,
    watcher: Option<File>,
}

impl Tee {
    /// The pipe is not waited for when it is read.
    pub fn new(from: OwnedFd, log: File, watcher: OwnedFd) -> Result<Self, Errno> {
        fcntl_setfl(&from, fcntl_getfl(&from)? | OFlags::NONBLOCK)?;
        Ok(Self {
            from: Some(from.into()),
            log,
            watcher: Some(watcher.into()),
        })
    }

    /// The pipe, until its end.
    pub fn source(&self) -> Option<BorrowedFd<'_>> {
        self.from.as_ref().map(AsFd::as_fd)
    }

    /// Passes on what there is.
    pub fn pass(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 << 10];
        while let Some(from) = &mut self.from {
            match from.read(&mut bytes) {
                Ok(0) => self.from = None,
                Ok(count) => {
                    let bytes = bytes.get(..count).unwrap_or_default();
                    self.log.write_all(bytes)?;
                    // A watcher who has left keeps nothing from being logged.
                    let gone = self
                        .watcher
                        .as_mut()
                        .map(|watcher| watcher.write_all(bytes));
                    if matches!(gone, Some(Err(_))) {
                        self.watcher = None;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
