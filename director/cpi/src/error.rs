//! What can go wrong with a call.

use std::path::PathBuf;

use warren_wire_cpi::ErrorKind;

/// What can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The CPI says no.
    #[error(
        "CPI error '{name}' with message '{message}' in '{method}' CPI method (CPI request ID: '{request_id}')"
    )]
    Refused {
        /// The kind as the CPI wrote it.
        name: String,
        /// What it means; `None` for a kind nobody knows.
        kind: Option<ErrorKind>,
        /// For people.
        message: String,
        /// What was called.
        method: &'static str,
        /// The call's id in logs.
        request_id: String,
        /// Whether it may help to ask again.
        ok_to_retry: bool,
    },
    /// The process cannot be run.
    #[error("cannot run the CPI {}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The process answered with something else than the contract has.
    #[error(
        "Invalid CPI response in '{method}' CPI method (CPI request ID: '{request_id}'): {reason}"
    )]
    Response {
        /// What was called.
        method: &'static str,
        /// The call's id in logs.
        request_id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The CPI is of a version that cannot be spoken with.
    #[error("CPI must report api_version via info: {found} is not supported, 2 or later is needed")]
    Version {
        /// What it reported.
        found: String,
    },
}

impl Error {
    /// What the CPI's refusal means, if it refused.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Error::Refused { kind, .. } => *kind,
            _ => None,
        }
    }

    /// Whether the CPI answered, and that it did not do it.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Error::Refused { .. })
    }

    /// Whether the CPI lacks the method or the ability.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(
            self.kind(),
            Some(ErrorKind::NotImplemented | ErrorKind::NotSupported)
        )
    }

    /// Whether it may help to ask again.
    #[must_use]
    pub fn ok_to_retry(&self) -> bool {
        matches!(
            self,
            Error::Refused {
                ok_to_retry: true,
                ..
            }
        )
    }
}
