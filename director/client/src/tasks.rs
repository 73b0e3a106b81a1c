//! Tasks: what a director was asked to do, and what came out of it.

use serde::Deserialize;

use crate::error::Stepped;
use crate::http::{self, Body, Method};
use crate::{Director, Error, Query};

/// Most bytes of output that one answer may bring; the rest is asked for next.
const MOST_AT_ONCE: u64 = 64 << 20;
/// Most bytes of a task's result.
const MOST_RESULT: usize = 512 << 20;

/// A task.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Task {
    /// Its number.
    pub id: u64,
    /// See [`Task::is_running`].
    pub state: String,
    /// What it does.
    #[serde(default)]
    pub description: Option<String>,
    /// When it ended, seconds since 1970.
    #[serde(default)]
    pub timestamp: Option<i64>,
    /// When it began.
    #[serde(default)]
    pub started_at: Option<i64>,
    /// What came out of it.
    #[serde(default)]
    pub result: Option<String>,
    /// Who wanted it.
    #[serde(default)]
    pub user: Option<String>,
    /// The deployment it is about.
    #[serde(default)]
    pub deployment: Option<String>,
}

impl Task {
    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "processing" | "cancelling")
    }

    /// An error unless it did its work.
    ///
    /// # Errors
    /// [`Error::Task`].
    pub fn succeeded(&self) -> Result<(), Error> {
        match self.state.as_str() {
            "done" => Ok(()),
            state => Err(Error::Task {
                id: self.id,
                state: state.to_owned(),
            }),
        }
    }
}

/// Which of a task's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Lines of JSON, see [`crate::event`].
    Event,
    /// The log.
    Debug,
    /// Calls of the CPI.
    Cpi,
    /// What was asked for.
    Result,
}

impl Output {
    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Output::Event => "event",
            Output::Debug => "debug",
            Output::Cpi => "cpi",
            Output::Result => "result",
        }
    }
}

/// Which tasks are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those that go on.
    pub is_current: bool,
    /// Those too that a director starts for itself and for readers.
    pub is_all: bool,
    /// Of this deployment.
    pub deployment: Option<String>,
    /// So many, the newest.
    pub limit: Option<u64>,
}

impl Director {
    /// A task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn task(&self, id: u64) -> Result<Task, Error> {
        self.get(&format!("/tasks/{id}"))
            .step(|| format!("Finding task '{id}'"))
    }

    /// Tasks, newest first.
    ///
    /// # Errors
    /// [`Error`].
    pub fn tasks(&self, filter: &Filter) -> Result<Vec<Task>, Error> {
        let limit = filter.limit.map(|limit| limit.to_string());
        let mut query = Query::new();
        if filter.is_current {
            query = query.with("state", "processing,cancelling,queued");
        }
        let query = query
            .with("verbose", if filter.is_all { "2" } else { "1" })
            .some("deployment", filter.deployment.as_deref())
            .some("limit", limit.as_deref());
        self.get(&format!("/tasks{}", query.as_str()))
            .step(|| "Finding tasks".to_owned())
    }

    /// Has a task stop at its next opportunity.
    ///
    /// # Errors
    /// [`Error`].
    pub fn cancel_task(&self, id: u64) -> Result<(), Error> {
        self.send(Method::Delete, &format!("/task/{id}"), Body::None)
            .map(drop)
            .step(|| format!("Cancelling task '{id}'"))
    }

    /// Has many tasks stop: of a deployment, in these states (queued ones if none), of these types
    /// (all if none).
    ///
    /// # Errors
    /// [`Error`].
    pub fn cancel_tasks(
        &self,
        deployment: Option<&str>,
        states: &[String],
        types: &[String],
    ) -> Result<(), Error> {
        let mut document = serde_json::Map::new();
        if let Some(deployment) = deployment {
            document.insert("deployment".to_owned(), deployment.into());
        }
        for (key, values) in [("states", states), ("types", types)] {
            if !values.is_empty() {
                document.insert(key.to_owned(), values.into());
            }
        }
        let body = serde_json::Value::Object(document).to_string().into_bytes();
        self.send(
            Method::Post,
            "/tasks/cancel",
            Body::Text("application/json", body),
        )
        .map(drop)
        .step(|| "Cancelling tasks".to_owned())
    }

    /// Output from `offset` on: at most what is there now; empty if there is nothing new.
    ///
    /// # Errors
    /// [`Error`].
    pub fn task_output(&self, id: u64, output: Output, offset: u64) -> Result<Vec<u8>, Error> {
        let path = format!("/tasks/{id}/output?type={}", output.name());
        let range = format!("bytes={offset}-");
        let step = || format!("Finding output of task '{id}'");
        let answer = self.ask(&path, &[("range", &range)]).step(step)?;
        let status = answer.status().as_u16();
        if matches!(status, 204 | 416) {
            return Ok(Vec::new());
        }
        let answer = http::good(answer).step(step)?;
        let mut bytes = Vec::new();
        let reader = answer.into_body().into_reader();
        // A server that does not know ranges sends all of it again.
        let skip = if status == 206 { 0 } else { offset };
        let mut reader = std::io::Read::take(reader, MOST_AT_ONCE.saturating_add(skip));
        let read = std::io::copy(
            &mut std::io::Read::take(&mut reader, skip),
            &mut std::io::sink(),
        )
        .and_then(|_| std::io::Read::read_to_end(&mut reader, &mut bytes));
        read.map_err(|source| Error::Read {
            path: http::without_query(&path).to_owned(),
            source,
        })?;
        Ok(bytes)
    }

    /// All of a finished task's result.
    ///
    /// # Errors
    /// [`Error`].
    pub fn task_result(&self, id: u64) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        loop {
            let more = self.task_output(id, Output::Result, all.len() as u64)?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
            if all.len() > MOST_RESULT {
                return Err(Error::TooLong {
                    path: format!("/tasks/{id}/output"),
                    limit: MOST_RESULT as u64,
                });
            }
        }
    }
}
