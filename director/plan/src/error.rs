//! Why a manifest cannot be carried out. Codes are the director's.

/// A manifest that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The director's code.
    pub code: u32,
    /// For people, in stock's words where stock has some.
    pub message: String,
}

impl Error {
    pub(crate) fn new(code: u32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl From<warren_wire_manifest::check::Invalid> for Error {
    fn from(invalid: warren_wire_manifest::check::Invalid) -> Self {
        Self::new(invalid.code.number(), invalid.message)
    }
}
