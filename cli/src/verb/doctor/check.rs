//! One check and what came of it.

use serde::Serialize;

use super::facts::Facts;

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be, or merely told.
    Pass,
    /// Something is missing that costs a feature.
    Warn,
    /// Something is missing that is needed.
    Fail,
    /// It matters and could not be found out.
    Unknown,
}

impl Status {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Unknown => "unknown",
        }
    }
}

/// A check: it does the thing in question in a scratch place and leaves nothing behind.
pub struct Check {
    /// Short name, for `--only` and for programs.
    pub name: &'static str,
    /// What it tests, in one line.
    pub title: &'static str,
    /// Does it.
    pub run: fn(&Facts) -> Finding,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub status: Status,
    /// What was seen.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    /// Good.
    pub fn pass(evidence: impl Into<String>) -> Self {
        Finding {
            status: Status::Pass,
            evidence: vec![evidence.into()],
            remedy: None,
        }
    }

    /// Costs a feature.
    pub fn warn(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding {
            status: Status::Warn,
            remedy: Some(remedy.into()),
            ..Finding::pass(evidence)
        }
    }

    /// Is needed.
    pub fn fail(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding {
            status: Status::Fail,
            remedy: Some(remedy.into()),
            ..Finding::pass(evidence)
        }
    }

    /// Matters and is not known.
    pub fn unknown(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        Finding {
            status: Status::Unknown,
            remedy: Some(remedy.into()),
            ..Finding::pass(evidence)
        }
    }

    /// Adds evidence.
    #[must_use]
    pub fn and(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Adds lines of evidence.
    #[must_use]
    pub fn and_all(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(lines);
        self
    }
}
