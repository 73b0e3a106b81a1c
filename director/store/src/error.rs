//! What can go wrong with the database.

use std::path::PathBuf;

/// A step that failed, and the database's word on it in the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("cannot {step}")]
    Database {
        /// What was tried.
        step: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A migration failed; the schema is as it was before it.
    #[error("cannot bring the schema to version {version}")]
    Migration {
        /// The version that could not be reached.
        version: i64,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The schema is from a later Warren.
    #[error(
        "the database has schema version {found}, and this warren knows up to {known}: use a newer warren"
    )]
    Newer {
        /// The version of the database.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// The URL names no database that we know.
    #[error(
        "cannot use the database {url:?}: give a path, sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME"
    )]
    Url {
        /// The URL without its password.
        url: String,
    },
    /// A document in a column is not what was put there.
    #[error("the {what} of row {row} is not valid JSON")]
    Document {
        /// The column.
        what: &'static str,
        /// The row's key.
        row: i64,
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// A word in a column is none of those that are put there.
    #[error("{column} has '{word}', which this warren does not know: use a newer warren")]
    Word {
        /// The column.
        column: &'static str,
        /// What it has.
        word: String,
    },
    /// A file of a task's output.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A lock is held by somebody else.
    #[error(
        "Failed to acquire lock for {name} uid: {uid}. Locking task id is {task}, description: '{description}'"
    )]
    Locked {
        /// The lock's name.
        name: String,
        /// Who wanted it.
        uid: String,
        /// The task that has it.
        task: String,
        /// What that task does.
        description: String,
    },
}

impl Error {
    /// Whether a database that cannot be used may be there in a moment: it does not listen yet, it is
    /// starting, or whoever makes its roles and databases has not come to ours.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        let Error::Database { source, .. } = self else {
            return false;
        };
        match source {
            sqlx::Error::Io(error) => matches!(
                error.kind(),
                std::io::ErrorKind::ConnectionRefused
                    | std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::NotFound
                    | std::io::ErrorKind::UnexpectedEof
            ),
            // Starting or ending; no such role; no such database; too many clients.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                matches!(
                    &*code,
                    "57P03" | "57P01" | "28000" | "28P01" | "3D000" | "53300"
                )
            }),
            _ => false,
        }
    }

    /// Whether a row that must be unique is there already.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Error::Database { source: sqlx::Error::Database(error), .. }
            if error.is_unique_violation())
    }
}

/// Says during which step a statement failed.
pub(crate) trait During<T> {
    fn during(self, step: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, step: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Database { step, source })
    }
}
