//! A task that is being worked on: what it says, and whether it shall go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use warren_director_bus::Cancelled;
use warren_director_store::output::{Kind, Output};
use warren_director_store::{Store, events, now};

use crate::Error;

/// How often who waits looks whether the task was cancelled.
const LOOK: Duration = Duration::from_millis(200);

/// A task that is being worked on. Clones are the same one.
#[derive(Clone)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// Who wanted it.
    pub user: String,
    /// The deployment's name.
    pub deployment: Option<String>,
    store: Store,
    output: Output,
    cancelled: Arc<AtomicBool>,
}

impl Cancelled for Task {
    async fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Task {
    pub(crate) fn new(
        row: &warren_director_store::tasks::Task,
        store: Store,
        output: Output,
    ) -> Self {
        Self {
            id: row.id,
            user: row.username.clone(),
            deployment: row.deployment.clone(),
            cancelled: Arc::new(AtomicBool::new(row.state == "cancelling")),
            store,
            output,
        }
    }

    /// Asks the task to end at its next check. Whoever watches it is told, as that may take a while: a call of
    /// a CPI is not cut off.
    pub(crate) fn cancel(&self) {
        if !self.cancelled.swap(true, Ordering::Relaxed) {
            let id = self.id;
            self.warn(&format!(
                "Task {id} is cancelled: it ends when what it has begun is done"
            ));
        }
    }

    /// Ends here if somebody asked for it.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            Err(Error::Cancelled { id: self.id })
        } else {
            Ok(())
        }
    }

    /// Waits, but not longer than until somebody asks for the task's end.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub(crate) async fn sleep(&self, time: Duration) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            self.check()?;
            let left = time.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            sleep(left.min(LOOK)).await;
        }
    }

    /// The same task for what has to be done also when its end was asked for.
    pub(crate) fn to_its_end(&self) -> Self {
        Self {
            cancelled: Arc::default(),
            ..self.clone()
        }
    }

    /// Writes a line of the log.
    pub fn log(&self, text: &str) {
        self.write(Kind::Debug, format!("{} {text}\n", timestamp()).as_bytes());
    }

    /// Writes what a CPI said.
    pub fn log_cpi(&self, text: &str) {
        self.write(Kind::Cpi, format!("{} {text}\n", timestamp()).as_bytes());
    }

    /// Writes a line of the event log.
    pub(crate) fn write_event(&self, event: &Value) {
        self.write(Kind::Event, format!("{event}\n").as_bytes());
    }

    /// Warns whoever reads the event log.
    pub fn warn(&self, message: &str) {
        self.write_event(&json!({"time": now(), "type": "warning", "message": message}));
    }

    /// Writes the task's end with an error.
    pub(crate) fn write_error(&self, code: u32, message: &str) {
        self.write_event(&json!({"time": now(), "error": {"code": code, "message": message}}));
    }

    /// Adds to what the client gets at the end.
    pub fn result(&self, bytes: &[u8]) {
        self.write(Kind::Result, bytes);
    }

    fn write(&self, kind: Kind, bytes: &[u8]) {
        // A disk that is full must not stop a deploy half way; the rows still tell what was done.
        if let Err(error) = self.output.append(kind, bytes) {
            eprintln!("task {}: {}", self.id, warren_lib_errchain::chain(&error));
        }
    }

    /// Records something for `bosh events`; the answer is the event's key.
    ///
    /// # Errors
    /// What the database said.
    pub async fn event(&self, event: Event<'_>) -> Result<i64, Error> {
        let id = self.id.to_string();
        let new = events::New {
            parent_id: event.parent,
            timestamp: None,
            username: &self.user,
            action: event.action,
            object_type: event.object_type,
            object_name: event.object_name,
            error: event.error,
            task: Some(&id),
            deployment: match event.of_no_deployment {
                true => None,
                false => event.deployment.or(self.deployment.as_deref()),
            },
            instance: event.instance,
            context: event.context,
        };
        Ok(events::create(self.store.pool(), &new).await?)
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}

/// Something to record.
#[derive(Debug, Clone, Default)]
pub struct Event<'a> {
    /// The event that this one ends.
    pub parent: Option<i64>,
    /// What is done.
    pub action: &'a str,
    /// To what kind of thing.
    pub object_type: &'a str,
    /// Its name.
    pub object_name: Option<&'a str>,
    /// What went wrong.
    pub error: Option<&'a str>,
    /// The deployment, if it is not the task's.
    pub deployment: Option<&'a str>,
    /// Whether it is not about a deployment, though the task is.
    pub of_no_deployment: bool,
    /// `GROUP/UUID`.
    pub instance: Option<&'a str>,
    /// More.
    pub context: Option<Value>,
}

/// A Unix time as CPIs are told of it, to the second.
pub(crate) fn rfc3339(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| {
            time.format(&time::format_description::well_known::Rfc3339)
                .ok()
        })
        .unwrap_or_default()
}

fn timestamp() -> String {
    let time = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let seconds = i64::try_from(time.as_secs()).unwrap_or(0);
    let text = rfc3339(seconds);
    format!(
        "{}.{:03}Z",
        text.trim_end_matches('Z'),
        time.subsec_millis()
    )
}
