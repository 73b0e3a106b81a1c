//! Kinds of errors, and calls that cannot be understood.

/// The kinds of errors that directors know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is not what it should be.
    CpiError,
    /// Not with this infrastructure.
    NotSupported,
    /// No such method.
    NotImplemented,
    /// Anything else.
    CloudError,
    /// No such machine.
    VmNotFound,
    /// No such network.
    NetworkNotFound,
    /// The disk does not fit.
    NoDiskSpace,
    /// The disk is at no machine.
    DiskNotAttached,
    /// No such disk.
    DiskNotFound,
    /// The machine was not made; directors may try again.
    VmCreationFailed,
}

impl ErrorKind {
    /// As it stands in a response.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::CpiError => "Bosh::Clouds::CpiError",
            ErrorKind::NotSupported => "Bosh::Clouds::NotSupported",
            ErrorKind::NotImplemented => "Bosh::Clouds::NotImplemented",
            ErrorKind::CloudError => "Bosh::Clouds::CloudError",
            ErrorKind::VmNotFound => "Bosh::Clouds::VMNotFound",
            ErrorKind::NetworkNotFound => "Bosh::Clouds::NetworkNotFound",
            ErrorKind::NoDiskSpace => "Bosh::Clouds::NoDiskSpace",
            ErrorKind::DiskNotAttached => "Bosh::Clouds::DiskNotAttached",
            ErrorKind::DiskNotFound => "Bosh::Clouds::DiskNotFound",
            ErrorKind::VmCreationFailed => "Bosh::Clouds::VMCreationFailed",
        }
    }

    const ALL: [Self; 10] = [
        ErrorKind::CpiError,
        ErrorKind::NotSupported,
        ErrorKind::NotImplemented,
        ErrorKind::CloudError,
        ErrorKind::VmNotFound,
        ErrorKind::NetworkNotFound,
        ErrorKind::NoDiskSpace,
        ErrorKind::DiskNotAttached,
        ErrorKind::DiskNotFound,
        ErrorKind::VmCreationFailed,
    ];

    /// What a response means: `None` for a kind that directors do not know. Two ways in which old
    /// CPIs say that they lack a method count as that.
    #[must_use]
    pub fn of(name: &str, message: &str) -> Option<Self> {
        let lacks = (name == "InvalidCall" && message.starts_with("Method is not known, got"))
            || (name == ErrorKind::CloudError.name() && message.starts_with("Invalid Method:"));
        if lacks {
            return Some(ErrorKind::NotImplemented);
        }
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A call that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no such method.
    #[error("Must call implemented method: {method}")]
    Unknown {
        /// Its name.
        method: String,
    },
    /// Fewer arguments than the method has.
    #[error("{method}: expected at least {wanted} arguments, got {got}")]
    TooFew {
        /// The method.
        method: &'static str,
        /// How many it has.
        wanted: usize,
        /// How many came.
        got: usize,
    },
    /// An argument of another shape.
    #[error("{method}: argument {place} ({name}): {reason}")]
    Argument {
        /// The method.
        method: &'static str,
        /// Its place, from 1.
        place: usize,
        /// What it is.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
}
