//! The bar of an upload: `[-----      ]  50.00% 1.2 MiB/s 3s`, one line that is written again.

use std::io::{IsTerminal, Read, Write};
use std::time::{Duration, Instant};

use super::console::Mode;

const WIDTH: usize = 62;
const BETWEEN: Duration = Duration::from_millis(100);

/// A file on its way, shown.
pub struct Shown<R> {
    from: R,
    done: u64,
    total: u64,
    began: Instant,
    last: Option<Instant>,
    is_shown: bool,
}

/// The bar's text.
pub fn bar(done: u64, total: u64, took: Duration) -> String {
    let share = if total == 0 {
        1.0
    } else {
        done as f64 / total as f64
    };
    let share = share.clamp(0.0, 1.0);
    let filled = (share * WIDTH as f64) as usize;
    let rest = WIDTH - filled;
    let took = match took.as_secs() {
        0 => format!("{}ms", took.as_millis()),
        seconds => format!("{}m{:02}s", seconds / 60, seconds % 60),
    };
    format!(
        "[{}{}] {:.2}%   {took}",
        "-".repeat(filled),
        " ".repeat(rest),
        share * 100.0
    )
}

impl<R: Read> Shown<R> {
    pub fn new(from: R, total: u64, mode: Mode) -> Self {
        Self {
            from,
            done: 0,
            total,
            began: Instant::now(),
            last: None,
            is_shown: mode == Mode::Terminal && std::io::stderr().is_terminal(),
        }
    }

    fn show(&mut self) {
        let is_end = self.done == self.total;
        let is_due = self.last.is_none_or(|last| last.elapsed() >= BETWEEN);
        if self.is_shown && (is_due || is_end) {
            self.last = Some(Instant::now());
            let end = if is_end { "\n" } else { "" };
            let text = bar(self.done, self.total, self.began.elapsed());
            // The upload counts, not its bar.
            let _ = write!(std::io::stderr(), "\r{text}{end}");
        }
    }
}

impl<R: Read> Read for Shown<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.done += read as u64;
        if read > 0 {
            self.show();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_the_recorded_bytes() {
        let recorded =
            "[--------------------------------------------------------------] 100.00%   100ms";
        assert_eq!(bar(7, 7, Duration::from_millis(100)), recorded);
        assert!(bar(0, 9, Duration::ZERO).starts_with("[    "));
        assert!(bar(9, 3, Duration::from_secs(61)).ends_with("100.00%   1m01s"));
    }
}
