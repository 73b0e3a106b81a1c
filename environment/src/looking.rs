//! What is being looked at just now, for people who wait for all of it.

use std::sync::{Mutex, PoisonError};

/// See the module. Looks may go on side by side.
#[derive(Debug, Default)]
pub struct Looking(Mutex<Vec<String>>);

impl Looking {
    /// Looks at something.
    pub(crate) fn at<T>(&self, what: &str, look: impl FnOnce() -> T) -> T {
        self.change(|all| all.push(what.to_owned()));
        let found = look();
        self.change(|all| {
            if let Some(at) = all.iter().position(|one| one == what) {
                all.remove(at);
            }
        });
        found
    }

    /// What has not answered yet, in the order in which it was asked.
    pub fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        self.change(|all| left.clone_from(all));
        left
    }

    fn change(&self, change: impl FnOnce(&mut Vec<String>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::Looking;

    #[test]
    fn what_has_answered_is_waited_for_no_more() {
        let looking = Looking::default();
        let left = looking.at("one", || looking.at("other", || looking.left()));
        assert_eq!(left, ["one", "other"]);
        assert_eq!(looking.left(), Vec::<String>::new());
    }
}
