//! Tasks that survive a restart: `tasks.json`, mode 0600.
//!
//! `{"<id>":{"TaskID":..,"Method":..,"Payload":<base64 of the request>,"Place":..}}`. The place is ours: the
//! stock agent's file does not tell in which order tasks came in.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::Tasks;
use crate::files::{self, FileError};

/// A task that survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Its id.
    #[serde(rename = "TaskID")]
    pub task_id: String,
    /// Its method.
    #[serde(rename = "Method")]
    pub method: String,
    /// The request, in base64.
    #[serde(rename = "Payload")]
    pub payload: String,
    /// After which others it came.
    #[serde(rename = "Place")]
    pub place: u64,
}

impl Tasks {
    /// Keeps a task over a restart.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, mut task: Kept) -> Result<(), FileError> {
        self.change(|kept| {
            let last = kept.values().map(|other| other.place).max();
            // One that is resumed stays where it was.
            task.place = match kept.get(&task.task_id) {
                Some(same) => same.place,
                None => last.map_or(0, |last| last.saturating_add(1)),
            };
            kept.insert(task.task_id.clone(), task);
        })
    }

    /// Forgets a kept task.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn forget(&self, id: &str) -> Result<(), FileError> {
        self.change(|kept| {
            kept.remove(id);
        })
    }

    fn change(&self, how: impl FnOnce(&mut BTreeMap<String, Kept>)) -> Result<(), FileError> {
        let path = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = read(&path)?;
        how(&mut kept);
        files::write_json(&path, &kept, 0o600)
    }

    /// The tasks that an earlier life did not finish, in the order in which they came in.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn kept(&self) -> Result<Vec<Kept>, FileError> {
        let path = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept: Vec<Kept> = read(&path)?.into_values().collect();
        kept.sort_by_key(|task| task.place);
        Ok(kept)
    }
}

/// A file that is no such list is as good as none: whoever waits for the task asks again.
fn read(path: &std::path::Path) -> Result<BTreeMap<String, Kept>, FileError> {
    let bytes = files::read_if_there(path)?;
    Ok(bytes
        .and_then(|bytes| warren_wire_agent::decode(&bytes).ok())
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::tests::tasks;
    use super::{Kept, Tasks};

    #[test]
    fn kept_tasks_are_on_disk() {
        use std::os::unix::fs::PermissionsExt;
        let (directory, tasks) = tasks();
        let task = |id: &str| Kept {
            task_id: id.into(),
            method: "update_settings".into(),
            payload: "e30=".into(),
            ..Kept::default()
        };
        // The last one is resumed, and is kept again for that.
        for id in ["t", "s", "u", "t"] {
            tasks.keep(task(id)).unwrap();
        }
        let path = directory.path().join("tasks.json");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let others = Tasks::new(path.clone());
        let ids = || -> Vec<String> {
            let kept = others.kept().unwrap();
            kept.into_iter().map(|task| task.task_id).collect()
        };
        assert_eq!(ids(), ["t", "s", "u"]);
        assert_eq!(others.kept().unwrap()[0], task("t"));
        tasks.forget("s").unwrap();
        tasks.keep(task("a")).unwrap();
        assert_eq!(ids(), ["t", "u", "a"]);
        for id in ["t", "u", "a"] {
            tasks.forget(id).unwrap();
        }
        assert!(tasks.kept().unwrap().is_empty());
        std::fs::write(path, "junk").unwrap();
        assert!(tasks.kept().unwrap().is_empty());
    }
}
