//! How far something is that takes long: nothing for a second, then one line on standard error.
//!
//! On a terminal the line is written over and over, and is gone in the end. Elsewhere nothing is
//! written unless that is wished for, and then each line stands for itself.

use std::io::{self, Write};
use std::time::Duration;

use rustix::termios::{isatty, tcgetwinsize};
use warren_container_rootfs::progress::telling;

/// Nothing is said of what takes no longer.
const QUIET: Duration = Duration::from_secs(1);

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// Not at all.
    Nothing,
    /// As lines, for files and pipes.
    Lines,
    /// As one line that changes.
    Terminal,
}

impl Display {
    /// As it fits standard error. `is_wished`: even if that is no terminal.
    pub fn find(is_wished: bool) -> Self {
        match (isatty(io::stderr()), is_wished) {
            (true, _) => Self::Terminal,
            (false, true) => Self::Lines,
            (false, false) => Self::Nothing,
        }
    }

    /// Does some work and shows how far it is.
    pub fn during<T>(self, text: impl Fn() -> String + Sync, work: impl FnOnce() -> T) -> T {
        let every = match self {
            Self::Nothing => return work(),
            Self::Lines => Duration::from_secs(5),
            Self::Terminal => Duration::from_millis(200),
        };
        let mut is_shown = false;
        let done = telling(
            QUIET,
            every,
            || {
                is_shown = true;
                self.show(&text());
            },
            work,
        );
        if is_shown && self == Self::Terminal {
            say("\r\x1b[K");
        }
        done
    }

    fn show(self, text: &str) {
        if self == Self::Lines {
            return say(&format!("{text}\n"));
        }
        // A line that is broken cannot be written over.
        let width = tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        // Some terminals do not tell.
        let width = if width == 0 { 80 } else { width };
        let text: String = text.chars().take(width.saturating_sub(1)).collect();
        say(&format!("\r{text}\x1b[K"));
    }
}

/// Whoever does not want to hear it does not keep the work from being done.
fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
