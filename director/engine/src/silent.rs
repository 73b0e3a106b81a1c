//! Agents that did not answer a moment ago, so that not everybody waits for each of them anew.
//!
//! Names are told to all agents of a director in the middle of a task. One that is known to be silent
//! is passed over there: it is told later, by who has the time (`dns::keep_agents_told`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long an agent is taken to be silent. What waits for none of them looks once a minute.
const MEMORY: Duration = Duration::from_secs(60);

/// Who did not answer, and when. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub struct Silent(Arc<Mutex<HashMap<String, Instant>>>);

impl Silent {
    /// An agent has not answered.
    pub fn add(&self, agent: &str) {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, since| now.duration_since(*since) < MEMORY);
        all.insert(agent.to_owned(), now);
    }

    /// An agent has answered.
    pub fn remove(&self, agent: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(agent);
    }

    /// Whether an agent did not answer a moment ago.
    #[must_use]
    pub fn has(&self, agent: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(agent).is_some_and(|since| since.elapsed() < MEMORY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_remembered_until_an_answer() {
        let silent = Silent::default();
        let same = silent.clone();
        assert!(!silent.has("a"));
        silent.add("a");
        assert!(same.has("a") && !same.has("b"));
        same.remove("a");
        assert!(!silent.has("a"));
    }
}
