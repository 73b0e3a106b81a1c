//! Calls of one agent.
//!
//! Some are answered at once, others become a task of the agent that is asked for again and again:
//! after 5, 10, 20 ms and so on up to a second, so that what is quick costs little and what is slow
//! is not disturbed.

use std::future::Future;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{Bus, Error, calls};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(45);
/// The same for questions that change nothing, before they are asked once more: what is lost with a
/// connection is not waited for long.
const PATIENCES: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(45),
];
/// Tasks that may be begun twice for one, where nobody knows whether the first request or its answer was
/// lost with a connection: the second finds done what the first has done.
const REPEATABLE: [&str; 9] = [
    "prepare",
    "apply",
    "stop",
    "list_disk",
    "mount_disk",
    "upload_blob",
    "update_settings",
    "add_persistent_disk",
    "remove_persistent_disk",
];
/// The first pause before a task is asked for, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Whether to go on waiting: asked between two questions.
pub trait Cancelled: Send + Sync {
    /// Whether whoever waits does not want to any more.
    fn is_cancelled(&self) -> impl Future<Output = bool> + Send;
}

/// Waits for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waiting;

impl Cancelled for Waiting {
    async fn is_cancelled(&self) -> bool {
        false
    }
}

/// What came of asking for something that becomes a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It is done already; the answer.
    Done(Value),
    /// It goes on, as the agent's task of this id.
    Runs(String),
}

/// An agent on the bus.
#[derive(Clone)]
pub struct Agent {
    bus: Bus,
    id: String,
}

impl Agent {
    pub(crate) fn new(bus: Bus, id: &str) -> Self {
        Self {
            bus,
            id: id.to_owned(),
        }
    }

    /// Its name on the bus.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asks something whose answer is its value.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ask(
        &self,
        method: &str,
        arguments: Vec<Value>,
        patience: Duration,
    ) -> Result<Value, Error> {
        self.bus.ask(&self.id, method, arguments, patience).await
    }

    /// As [`Agent::ask`], asked again when there is no answer: only for what changes nothing.
    async fn ask_again(&self, method: &str, arguments: Vec<Value>) -> Result<Value, Error> {
        for patience in PATIENCES {
            match self.ask(method, arguments.clone(), patience).await {
                Err(error) if error.is_timeout() => {}
                answer => return answer,
            }
        }
        self.ask(method, arguments, PATIENCE).await
    }

    /// Asks something that becomes a task, and waits for its end; the answer is its value.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Cancelled`] when `cancelled` says so, after the agent was told.
    pub async fn run(
        &self,
        method: &str,
        arguments: Vec<Value>,
        cancelled: &impl Cancelled,
    ) -> Result<Value, Error> {
        match self.begin(method, arguments).await? {
            Begun::Done(answer) => Ok(answer),
            Begun::Runs(task) => self.wait_for(&task, method, cancelled).await,
        }
    }

    /// Asks something that becomes a task.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin(&self, method: &str, arguments: Vec<Value>) -> Result<Begun, Error> {
        // The answer is the task's id and comes at once, whatever the task is.
        let answer = match REPEATABLE.contains(&method) {
            true => self.ask_again(method, arguments).await?,
            false => self.ask(method, arguments, PATIENCE).await?,
        };
        Ok(match task_of(&answer) {
            Some(task) => Begun::Runs(task),
            None => Begun::Done(answer),
        })
    }

    /// Waits for the end of a task of the agent that [`begin`](Self::begin) began a moment ago.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn wait_for(
        &self,
        task: &str,
        method: &str,
        cancelled: &impl Cancelled,
    ) -> Result<Value, Error> {
        let begun = Instant::now();
        let end = self.ask_for(task, method, cancelled).await;
        calls::ended(&self.id, method, begun.elapsed(), &end);
        end
    }

    async fn ask_for(
        &self,
        task: &str,
        method: &str,
        cancelled: &impl Cancelled,
    ) -> Result<Value, Error> {
        let mut pause = PAUSES.0;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
            let answer = self.ask_again("get_task", vec![json!(task)]).await?;
            if task_of(&answer).is_none() {
                return Ok(answer);
            }
            if cancelled.is_cancelled().await {
                // Only drain and errands can be cancelled; an agent that cannot says so.
                let _ = self.ask("cancel_task", vec![json!(task)], PATIENCE).await;
                return Err(Error::Cancelled {
                    agent: self.id.clone(),
                    method: method.to_owned(),
                });
            }
        }
    }

    /// Waits until the agent answers.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `patience`, [`Error::Cancelled`].
    pub async fn wait_until_ready(
        &self,
        patience: Duration,
        cancelled: &impl Cancelled,
    ) -> Result<(), Error> {
        let end = Instant::now() + patience;
        let mut pause = PAUSES.0;
        loop {
            // The first is asked before the agent listens, as a rule, and is lost.
            let next = Instant::now() + pause;
            match self.ask("ping", Vec::new(), pause).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_timeout() || error.says("restarting agent") => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= end {
                return Err(Error::Timeout {
                    agent: self.id.clone(),
                    method: "ping".to_owned(),
                    after: patience,
                });
            }
            if cancelled.is_cancelled().await {
                return Err(Error::Cancelled {
                    agent: self.id.clone(),
                    method: "ping".to_owned(),
                });
            }
            // One that is restarting says so at once.
            sleep_until(next).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Its state; with `full` its vitals as well.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get_state(&self, full: bool, patience: Option<Duration>) -> Result<Value, Error> {
        let arguments = if full { vec![json!("full")] } else { vec![] };
        match patience {
            Some(patience) => self.ask("get_state", arguments, patience).await,
            None => self.ask_again("get_state", arguments).await,
        }
    }

    /// Begins to start all jobs.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(&self) -> Result<(), Error> {
        self.ask_again("start", Vec::new()).await.map(drop)
    }

    /// Runs a script of all jobs; an agent too old for it has none.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn run_script(
        &self,
        name: &str,
        options: Map<String, Value>,
        cancelled: &impl Cancelled,
    ) -> Result<(), Error> {
        let arguments = vec![json!(name), Value::Object(options)];
        match self.run("run_script", arguments, cancelled).await {
            Err(error) if error.is_unknown_method() => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Stops all jobs. An agent that waited for five minutes has done what it could.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn stop(&self, cancelled: &impl Cancelled) -> Result<(), Error> {
        match self.run("stop", Vec::new(), cancelled).await {
            Err(error) if error.says("Timed out waiting for service") => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Puts a blob at the agent; the answer is whether that can be: it fits the bus, and the agent knows how
    /// to take one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn upload_blob(
        &self,
        id: &str,
        digest: &str,
        bytes: &[u8],
        cancelled: &impl Cancelled,
    ) -> Result<bool, Error> {
        let argument = json!({
            "blob_id": id, "checksum": digest, "payload": STANDARD.encode(bytes),
        });
        match self.run("upload_blob", vec![argument], cancelled).await {
            Err(error) if error.is_unknown_method() || error.is_too_long() => Ok(false),
            answer => answer.map(|_| true),
        }
    }

    /// Says what an agent does not answer.
    ///
    /// # Errors
    /// [`Error::Publish`].
    pub fn tell(&self, method: &str, arguments: Vec<Value>) -> Result<(), Error> {
        self.bus.tell(&self.id, method, arguments)
    }
}

/// The id of the task that an answer says is going on.
pub(crate) fn task_of(answer: &Value) -> Option<String> {
    let running = answer.get("state").and_then(Value::as_str) == Some("running");
    let task = answer.get("agent_task_id").and_then(Value::as_str)?;
    running.then(|| task.to_owned())
}
