//! The caller's own terminal and streams.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::Signals;
use warren_garden_client::Streams;
use warren_wire_garden::process::WindowSize;

use crate::failure::Failure;

/// Standard input without a buffer: each piece is passed on as it is typed.
pub(super) fn standard_input() -> io::Result<File> {
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

/// Standard output without a buffer.
pub(super) fn standard_output() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// Our three streams, for a process.
pub(super) fn own_streams() -> io::Result<Streams> {
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from)?;
    Ok(Streams {
        stdin: Some(Box::new(standard_input()?)),
        stdout: Some(Box::new(standard_output()?)),
        stderr: Some(Box::new(stderr)),
    })
}

/// A process's exit status as ours: what does not fit is a failure all the same.
pub(super) fn status(status: i64) -> u8 {
    u8::try_from(status).unwrap_or(u8::MAX)
}

/// The size of the terminal that standard input is; none if it is no terminal.
pub(super) fn size() -> Option<WindowSize> {
    let size = tcgetwinsize(io::stdin()).ok()?;
    Some(WindowSize {
        columns: size.ws_col.into(),
        rows: size.ws_row.into(),
    })
}

/// Calls back with every new size of the terminal, from a thread of its own, until the program
/// ends.
pub(super) fn follow_size(tell: impl Fn(WindowSize) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGWINCH])?;
    std::thread::spawn(move || {
        // It may have changed before the first signal could be seen.
        size().map(&tell);
        for _ in signals.forever() {
            size().map(&tell);
        }
    });
    Ok(())
}

/// The terminal passes on all that is typed, until this is dropped.
pub(super) struct Raw {
    before: Option<(OwnedFd, Termios)>,
}

impl Raw {
    /// Of standard input; if that is no terminal, nothing is changed.
    pub fn set() -> Result<Self, Failure> {
        let stdin = io::stdin();
        if !isatty(&stdin) {
            return Ok(Self { before: None });
        }
        let failed = |error: io::Error| {
            Failure::text(format!("cannot set the terminal to raw mode: {error}"))
        };
        let before = tcgetattr(&stdin).map_err(|errno| failed(errno.into()))?;
        let mut raw = before.clone();
        raw.make_raw();
        let terminal = stdin.as_fd().try_clone_to_owned().map_err(failed)?;
        tcsetattr(&stdin, OptionalActions::Drain, &raw).map_err(|errno| failed(errno.into()))?;
        Ok(Self {
            before: Some((terminal, before)),
        })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some((terminal, before)) = &self.before {
            // If the terminal is gone there is nothing to put back.
            let _ = tcsetattr(terminal, OptionalActions::Drain, before);
        }
    }
}
