//! Errands: each is run once at a time.
//!
//! Whoever asks for the one that is running, as a director does that was started again, gets the task that it
//! is.

use std::time::Duration;

use super::{Entry, Lane, State, Tasks, Work, locked};
use crate::process::Cancel;

/// Between two looks whether errands have ended.
const LOOK: Duration = Duration::from_millis(50);

impl Tasks {
    /// Adds an errand, or finds that it is running; the answer is the task's id. One that was told to end is
    /// another: it ends first.
    pub fn add_errand(&self, id: &str, errand: &str, work: Work) -> String {
        let cancel = Cancel::default();
        let ending: Vec<String> = {
            let mut inner = locked(&self.inner);
            let mut ending = Vec::new();
            for (other, entry) in &inner.entries {
                if !entry.is_running_errand() || entry.errand.as_deref() != Some(errand) {
                    continue;
                }
                if entry.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
                    ending.push(other.clone());
                } else {
                    return other.clone();
                }
            }
            let entry = Entry {
                state: State::Running,
                cancel: Some(cancel.clone()),
                errand: Some(errand.to_owned()),
            };
            inner.entries.insert(id.to_owned(), entry);
            ending
        };
        let theirs = std::sync::Arc::clone(&self.inner);
        let work = move |cancel: &Cancel| {
            let is_running = |id: &String| {
                let inner = locked(&theirs);
                inner.entries.get(id).is_some_and(Entry::is_running_errand)
            };
            // Told to end meanwhile, it ends at once by itself.
            while ending.iter().any(is_running) && cancel.sleep(LOOK) {}
            work(cancel)
        };
        self.give(id, Lane::Beside, cancel, Box::new(work));
        id.to_owned()
    }

    /// Waits until no errand runs any more; whether that is so, and not that the waiting shall end.
    #[must_use]
    pub fn wait_for_errands(&self, cancel: &Cancel) -> bool {
        while locked(&self.inner)
            .entries
            .values()
            .any(Entry::is_running_errand)
        {
            if !cancel.sleep(LOOK) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::super::tests::{tasks, wait};
    use crate::process::Cancel;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn an_errand_runs_once_at_a_time_and_is_waited_for() {
        let (_directory, tasks) = tasks();
        let runs = Arc::new(AtomicUsize::new(0));
        let errand = |id: &str, what: &str| {
            let runs = Arc::clone(&runs);
            let work = move |cancel: &Cancel| {
                let at_once = runs.fetch_add(1, Ordering::SeqCst) + 1;
                let _ended = cancel.sleep(Duration::from_secs(60));
                runs.fetch_sub(1, Ordering::SeqCst);
                Ok(at_once.into())
            };
            tasks.add_errand(id, what, Box::new(work))
        };
        let wished = Cancel::default();
        wished.cancel();
        assert!(tasks.wait_for_errands(&wished));
        assert_eq!(errand("a", "smoke"), "a");
        assert_eq!(errand("b", "smoke"), "a");
        assert_eq!(tasks.get("b"), None);
        assert!(!tasks.wait_for_errands(&wished));
        // One that ends is another, and has ended when that begins.
        tasks.cancel("a").unwrap();
        assert_eq!(errand("c", "smoke"), "c");
        assert_eq!(errand("d", "smoke"), "c");
        assert_eq!(wait(&tasks, "a"), State::Done(Ok(1.into())));
        tasks.cancel("c").unwrap();
        assert_eq!(wait(&tasks, "c"), State::Done(Ok(1.into())));
        assert!(tasks.wait_for_errands(&Cancel::default()));
    }
}
