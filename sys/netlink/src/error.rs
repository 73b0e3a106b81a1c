//! What can go wrong between us and the kernel.

use rustix::io::Errno;

use crate::TooLong;

/// Bytes that are not what the protocol says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Fewer bytes than the length field or the layout asks for.
    #[error("needs {needed} bytes, {available} are there")]
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        available: usize,
    },
    /// A length field smaller than the header it belongs to.
    #[error("length field of {length} is shorter than its header")]
    BadLength {
        /// The length field.
        length: usize,
    },
    /// An attribute's payload has another size than its type.
    #[error("attribute {attribute} has {actual} bytes instead of {expected}")]
    WrongLength {
        /// Attribute type.
        attribute: u16,
        /// Bytes its type has.
        expected: usize,
        /// Bytes it has.
        actual: usize,
    },
    /// A string attribute is not UTF-8.
    #[error("attribute {attribute} is not text")]
    NotText {
        /// Attribute type.
        attribute: u16,
    },
    /// An attribute that must be there is not.
    #[error("attribute {attribute} is missing")]
    Missing {
        /// Attribute type.
        attribute: u16,
    },
}

/// The kernel refused a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", .message.as_deref().map(|m| format!("{m}: ")).unwrap_or_default(), .errno)]
pub struct KernelError {
    /// Error number.
    pub errno: Errno,
    /// What the kernel says about it, if it does (extended ack).
    pub message: Option<String>,
    /// Offset of the offending attribute from the start of the request's
    /// header, in bytes.
    pub offset: Option<u32>,
}

/// A netlink exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No socket.
    #[error("cannot open a netlink socket ({protocol})")]
    Open {
        /// Protocol name.
        protocol: &'static str,
        /// Why.
        #[source]
        source: Errno,
    },
    /// A socket option could not be set or read.
    #[error("cannot set netlink socket option {option}")]
    Option {
        /// Option's name.
        option: &'static str,
        /// Why.
        #[source]
        source: Errno,
    },
    /// The datagram was not sent.
    #[error("cannot send {length} bytes to the kernel")]
    Send {
        /// Size of the datagram.
        length: usize,
        /// Why.
        #[source]
        source: Errno,
    },
    /// Nothing could be received.
    #[error("cannot receive from the kernel")]
    Receive(#[source] Errno),
    /// The receive buffer was too small and the kernel dropped messages
    /// (`ENOBUFS`): what was known from earlier messages may be stale.
    #[error("the kernel dropped netlink messages because they were not read in time")]
    Overrun,
    /// Nothing arrived within the timeout.
    #[error("the kernel did not answer in time")]
    TimedOut,
    /// Objects kept changing while they were listed.
    #[error("objects changed during each of {attempts} attempts to list them")]
    DumpInterrupted {
        /// How often the dump was tried.
        attempts: u32,
    },
    /// The kernel refused the request.
    #[error("the kernel refused the request")]
    Kernel(#[source] KernelError),
    /// The kernel's answer makes no sense.
    #[error("the kernel's answer cannot be parsed")]
    Malformed(#[from] ParseError),
    /// The request cannot be written.
    #[error("the request cannot be encoded")]
    TooLong(#[from] TooLong),
}

impl Error {
    /// The kernel's answer, if it is the kernel that refused.
    #[must_use]
    pub fn kernel(&self) -> Option<&KernelError> {
        match self {
            Self::Kernel(error) => Some(error),
            _ => None,
        }
    }

    /// The error number behind this error, if there is one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Open { source, .. } | Self::Option { source, .. } | Self::Send { source, .. } => {
                Some(*source)
            }
            Self::Receive(source) => Some(*source),
            Self::Kernel(error) => Some(error.errno),
            Self::Overrun => Some(Errno::NOBUFS),
            _ => None,
        }
    }
}
