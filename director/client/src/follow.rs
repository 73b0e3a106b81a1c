//! Following a task to its end: quickly while something happens, seldom while nothing does.

use std::thread::sleep;
use std::time::Duration;

use crate::tasks::{Output, Task};
use crate::{Director, Error};

/// The shortest time between two looks.
const SOONEST: Duration = Duration::from_millis(40);
/// The longest.
const LATEST: Duration = Duration::from_millis(500);

/// How long to wait until the next look, after one that brought news or did not.
pub fn next_wait(last: Duration, had_news: bool) -> Duration {
    match had_news {
        true => SOONEST,
        false => (last * 3 / 2).clamp(SOONEST, LATEST),
    }
}

impl Director {
    /// Gives each new piece of a task's output to `see`, until the task ended and all was seen.
    ///
    /// The state is read before the output, so that what a task writes at its end is not missed.
    ///
    /// # Errors
    /// [`Error`]; that a task failed is none.
    pub fn follow(
        &self,
        id: u64,
        output: Output,
        see: &mut dyn FnMut(&[u8]),
    ) -> Result<Task, Error> {
        let mut offset = 0;
        let mut wait = SOONEST;
        let mut state = String::new();
        loop {
            let task = self.task(id)?;
            let mut had_news = task.state != state;
            loop {
                let bytes = self.task_output(id, output, offset)?;
                offset += bytes.len() as u64;
                if bytes.is_empty() {
                    break;
                }
                had_news = true;
                see(&bytes);
                if task.is_running() {
                    break;
                }
            }
            if !task.is_running() {
                return Ok(task);
            }
            state.clone_from(&task.state);
            wait = next_wait(wait, had_news);
            sleep(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_bring_us_back_soon_and_silence_seldom() {
        let mut wait = SOONEST;
        for _ in 0..20 {
            wait = next_wait(wait, false);
        }
        assert_eq!(wait, LATEST);
        assert_eq!(next_wait(wait, true), SOONEST);
    }
}
