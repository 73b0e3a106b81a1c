//! What can go wrong with templates.

use std::time::Duration;

/// A template that could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Error filling in template '{name}' (line {}: {message})",
    line.map_or_else(|| "unknown".to_owned(), |line| line.to_string()))]
pub struct TemplateError {
    /// The file in the release.
    pub name: String,
    /// Where it went wrong, from 1.
    pub line: Option<u64>,
    /// What Ruby said.
    pub message: String,
}

/// What can go wrong around templates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Templates of a job that could not be filled in; the others of the job could.
    #[error("Unable to render templates for job '{job}'. Errors are:{}",
        errors.iter().map(|error| format!("\n  - {error}")).collect::<String>())]
    Templates {
        /// The job.
        job: String,
        /// One for each template, in the order of the job.
        errors: Vec<TemplateError>,
    },
    /// A job's archive cannot be read.
    #[error("cannot read the archive of job '{job}'")]
    Archive {
        /// The job.
        job: String,
        /// Why not.
        source: warren_lib_tar::Error,
    },
    /// A job's archive lacks a file that its spec names.
    #[error("the archive of job '{job}' has no {file}: upload its release again with --fix")]
    Missing {
        /// The job.
        job: String,
        /// The file.
        file: String,
    },
    /// A job's archive is larger than any should be.
    #[error("the archive of job '{job}' holds more than {limit} bytes")]
    TooLarge {
        /// The job.
        job: String,
        /// The limit.
        limit: usize,
    },
    /// Ruby cannot be started, or the sandbox that it is started in.
    #[error("cannot start a template worker with {program:?}{}",
        if source.kind() == std::io::ErrorKind::NotFound { ": install Ruby" } else { "" })]
    Start {
        /// What was executed.
        program: String,
        /// Why it did not run.
        source: std::io::Error,
    },
    /// Ruby says nothing.
    #[error("the template worker {program:?} was not ready in {} s", after.as_secs())]
    NotStarted {
        /// What was executed.
        program: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// A worker came to an end while it rendered.
    #[error("the template worker ended while it rendered {}{}", place(template.as_deref(), job),
        if said.is_empty() { String::new() } else { format!(": {said}") })]
    Ended {
        /// The job.
        job: String,
        /// The template, if it had begun with any.
        template: Option<String>,
        /// The end of what it said on standard error.
        said: String,
    },
    /// A worker takes longer than any template should.
    #[error("{} was not rendered in {} s", place(template.as_deref(), job), after.as_secs())]
    TimedOut {
        /// The job.
        job: String,
        /// The template that it was at, if it had begun with any.
        template: Option<String>,
        /// How long it was waited for.
        after: Duration,
    },
    /// A template's output is longer than any should be.
    #[error("{} gives more than a director takes", place(template.as_deref(), job))]
    TooMuch {
        /// The job.
        job: String,
        /// The template, if it had begun with any.
        template: Option<String>,
    },
    /// A worker's answer is not what was agreed on.
    #[error("the template worker answered job '{job}' with something else: {answer}")]
    Answer {
        /// The job.
        job: String,
        /// The beginning of its answer.
        answer: String,
    },
    /// The archive for an agent cannot be written.
    #[error("cannot write the archive of rendered templates")]
    Pack(#[source] warren_lib_tar::WriteError),
}

fn place(template: Option<&str>, job: &str) -> String {
    match template {
        Some(template) => format!("template '{template}' of job '{job}'"),
        None => format!("job '{job}'"),
    }
}
