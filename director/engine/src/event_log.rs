//! The event log: what clients show while a task goes on.
//!
//! ```text
//! stage ── task 1: started, (in_progress ...), finished or failed
//!       └─ task 2: ...
//! ```
//!
//! Clients are strict: numbers are integers, `tags` do not change within a stage, and the progress of a
//! task ends at 100. Source: reference of the director's interface, section 3.1.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};
use tokio::time::Instant;
use warren_director_store::now;

use crate::{Error, Task};

/// A stage of a task.
#[derive(Clone)]
pub struct Stage {
    task: Task,
    name: Arc<str>,
    tags: Arc<[String]>,
    total: usize,
    next: Arc<AtomicU64>,
}

impl Stage {
    /// Begins a stage of `total` tasks; one of none writes nothing.
    #[must_use]
    pub fn new(task: &Task, name: &str, total: usize, tags: &[&str]) -> Self {
        Self {
            task: task.clone(),
            name: name.into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            total,
            next: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Does one task of the stage. Its failure is written and given back.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn run<T, F: Future<Output = Result<T, Error>>>(
        &self,
        title: &str,
        work: impl FnOnce(Step) -> F,
    ) -> Result<T, Error> {
        let step = Step {
            stage: self.clone(),
            title: title.into(),
            index: self.next.fetch_add(1, Ordering::Relaxed),
            progress: Arc::new(AtomicU64::new(0)),
        };
        step.write("started", 0, None);
        let (stage, begun) = (&self.name, Instant::now());
        self.task.log(&format!("{stage}: {title}: begins"));
        let done = work(step.clone()).await;
        let ends = if done.is_ok() { "ends" } else { "fails" };
        let took = begun.elapsed().as_millis();
        self.task
            .log(&format!("{stage}: {title}: {ends} after {took} ms"));
        match &done {
            Ok(_) => step.write("finished", 100, None),
            Err(error) => step.write("failed", 100, Some(("error", &error.story()))),
        }
        done
    }
}

/// One task of a stage.
#[derive(Clone)]
pub struct Step {
    stage: Stage,
    title: Arc<str>,
    index: u64,
    progress: Arc<AtomicU64>,
}

impl Step {
    /// Says what is being done now, and how much of the task it is, in percent.
    pub fn advance(&self, part: u64, status: &str) {
        let progress = self.progress.fetch_add(part, Ordering::Relaxed) + part;
        self.write("in_progress", progress.min(100), Some(("status", status)));
    }

    fn write(&self, state: &str, progress: u64, data: Option<(&str, &str)>) {
        let mut event = Map::new();
        event.insert("time".into(), json!(now()));
        event.insert("stage".into(), json!(&*self.stage.name));
        event.insert("tags".into(), json!(&*self.stage.tags));
        event.insert("total".into(), json!(self.stage.total));
        event.insert("task".into(), json!(&*self.title));
        event.insert("index".into(), json!(self.index));
        event.insert("state".into(), json!(state));
        event.insert("progress".into(), json!(progress));
        if let Some((key, text)) = data {
            event.insert("data".into(), json!({ key: text }));
        }
        self.stage.task.write_event(&Value::Object(event));
    }
}
