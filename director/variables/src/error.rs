//! Why a value cannot be made.

/// A value that could not be made. No text holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// No such type.
    #[error("Unsupported value type: {0}")]
    UnknownType(String),
    /// An option that the type has not.
    #[error("Failed to generate {kind}, parameters are invalid: Unsupported parameter '{option}'")]
    UnknownOption {
        /// The type.
        kind: &'static str,
        /// The option.
        option: String,
    },
    /// An option of another form.
    #[error("Failed to generate {kind}, parameters are invalid: '{option}' must be {wanted}")]
    BadOption {
        /// The type.
        kind: &'static str,
        /// The option.
        option: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// A length that no key has.
    #[error("Invalid key_length: {0}. Must be one of: [2048 3072 4096]")]
    KeyLength(i128),
    /// A use that certificates have not.
    #[error("Unsupported extended key usage value: {0}")]
    ExtendedKeyUsage(String),
    /// A certificate that is no CA needs one.
    #[error("Missing required CA name")]
    MissingCa,
    /// The CA is not there, or is no CA with its key.
    #[error("Loading certificates: {name}: {problem}")]
    Ca {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A name that no certificate can hold.
    #[error("Generating certificate: name '{0}' is not ASCII")]
    Name(String),
    /// The library refused.
    #[error("Generating {what}: {problem}")]
    Crypto {
        /// What was being made.
        what: &'static str,
        /// The library's words.
        problem: String,
    },
}
