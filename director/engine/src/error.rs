//! Why a task fails. Codes are the director's; 100 is any other.

use warren_lib_errchain::chain;

/// Why a task fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is not as it must be, with the director's code for it.
    #[error("{message}")]
    Refused {
        /// The code.
        code: u32,
        /// For people.
        message: String,
    },
    /// Somebody asked for its end.
    #[error("Task {id} cancelled")]
    Cancelled {
        /// The task.
        id: i64,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] warren_director_store::Error),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] warren_director_plan::Error),
    /// An agent or the bus.
    #[error(transparent)]
    Bus(#[from] warren_director_bus::Error),
    /// A CPI.
    #[error(transparent)]
    Cpi(#[from] warren_director_cpi::Error),
    /// The blobstore.
    #[error(transparent)]
    Blob(#[from] warren_director_blobstore::Error),
    /// Templates.
    #[error(transparent)]
    Templates(#[from] warren_director_templates::Error),
    /// Anything else, with what was tried.
    #[error("cannot {step}")]
    Other {
        /// What was tried.
        step: String,
        /// Why it did not work.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// A refusal.
    pub fn refused(code: u32, message: impl Into<String>) -> Self {
        Error::Refused {
            code,
            message: message.into(),
        }
    }

    /// Anything else.
    pub fn other(
        step: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error::Other {
            step: step.into(),
            source: source.into(),
        }
    }

    /// The director's code.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Error::Refused { code, .. } => *code,
            Error::Plan(error) => error.code,
            Error::Cancelled { .. } | Error::Bus(warren_director_bus::Error::Cancelled { .. }) => {
                10_001
            }
            Error::Bus(warren_director_bus::Error::Timeout { .. }) => 450_002,
            Error::Bus(_) => 450_001,
            _ => 100,
        }
    }

    /// Whether it is the end that somebody asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.code() == 10_001
    }

    /// The whole story in one line.
    #[must_use]
    pub fn story(&self) -> String {
        chain(self)
    }
}

impl From<warren_wire_manifest::check::Invalid> for Error {
    fn from(invalid: warren_wire_manifest::check::Invalid) -> Self {
        Error::refused(invalid.code.number(), invalid.message)
    }
}
