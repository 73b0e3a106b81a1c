//! Errors, and what to do about them.

use rustix::io::Errno;
use warren_sys_netlink as netlink;
use warren_sys_netlink::{KernelError, ParseError, TooLong};

/// An nftables operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No socket.
    #[error("cannot talk to nftables")]
    Open(#[source] netlink::Error),
    /// Objects could not be listed.
    #[error("cannot list {what}")]
    List {
        /// Which objects.
        what: String,
        /// Why.
        #[source]
        source: netlink::Error,
    },
    /// A listed object or an event makes no sense.
    #[error("cannot parse what the kernel says about {what}")]
    Malformed {
        /// Which objects.
        what: String,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// A step of a transaction breaks a rule that is known before it is sent.
    #[error("step {} ({text}) is not valid: {reason}", .step + 1)]
    Invalid {
        /// Index of the step in the batch.
        step: usize,
        /// The step in nft's language.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A step of a transaction does not fit a message.
    #[error("step {} ({text}) does not fit a message", .step + 1)]
    TooLong {
        /// Index of the step in the batch.
        step: usize,
        /// The step in nft's language.
        text: String,
        /// Why.
        #[source]
        source: TooLong,
    },
    /// The kernel refused a transaction; nothing of it was applied.
    #[error("the transaction was refused and nothing was changed")]
    Refused(#[source] Box<Refusal>),
    /// The ruleset changed between reading it and committing; nothing was applied.
    #[error("nothing was changed: the ruleset is no longer that of generation {expected}")]
    Stale {
        /// Generation the transaction was made for.
        expected: u32,
    },
    /// The transaction could not be sent, or its outcome is not known.
    #[error("cannot commit {steps} steps")]
    Commit {
        /// Number of steps in the batch.
        steps: usize,
        /// Why.
        #[source]
        source: netlink::Error,
    },
    /// A log group could not be read.
    #[error("cannot become the reader of log group {group}")]
    Group {
        /// Which.
        group: u16,
        /// Why.
        #[source]
        source: netlink::Error,
    },
    /// Logged packets could not be received.
    #[error("cannot read logged packets")]
    Read(#[source] netlink::Error),
    /// Events could not be received.
    #[error("cannot follow changes of the ruleset")]
    Monitor(#[source] netlink::Error),
}

/// The kernel's refusal of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", self.place(), .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct Refusal {
    /// Index of the first refused step; `None` if the transaction as a whole was refused.
    pub step: Option<usize>,
    /// That step in nft's language.
    pub text: String,
    /// Error number and what the kernel says.
    #[source]
    pub error: KernelError,
    /// Name of the rule's expression that the kernel points at, if it does.
    pub expression: Option<String>,
    /// What it probably means and what to do.
    pub hint: Option<String>,
    /// Further steps refused, with the reason.
    pub others: Vec<(usize, KernelError)>,
}

impl Refusal {
    fn place(&self) -> String {
        match self.step {
            Some(step) => format!("step {} refused: {}", step + 1, self.text),
            None => "the kernel refused the transaction".to_owned(),
        }
    }
}

impl Error {
    /// The error number behind this error, if there is one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused(refusal) => Some(refusal.error.errno),
            Self::Open(source)
            | Self::List { source, .. }
            | Self::Commit { source, .. }
            | Self::Group { source, .. }
            | Self::Read(source)
            | Self::Monitor(source) => source.errno(),
            _ => None,
        }
    }

    /// The refusal, if the kernel refused a transaction.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// What a refusal probably means; `expression` is the rule's expression that the kernel
/// points at, and empty for a rule without one.
pub(crate) fn hint(errno: Errno, expression: Option<&str>) -> Option<String> {
    let text = match (errno, expression) {
        (Errno::PERM, _) => {
            "needs CAP_NET_ADMIN in the user namespace that owns the network namespace; \
             a table with an owner can be changed by its owner only"
        }
        (Errno::NOENT, Some("lookup")) => "the set does not exist",
        (Errno::NOENT, Some("immediate")) => "the chain to jump to does not exist",
        (Errno::NOENT, Some("socket")) => {
            "the kernel lacks nft_socket (CONFIG_NFT_SOCKET, CONFIG_SOCK_CGROUP_DATA)"
        }
        (Errno::NOENT, Some(name)) if !name.is_empty() => {
            return Some(format!(
                "the kernel lacks nft_{name}, or what it refers to is missing"
            ));
        }
        (Errno::NOENT, _) => "it does not exist, or what it belongs to does not",
        (Errno::EXIST, _) => "it exists already; to change what is fixed, delete it first",
        (Errno::OVERFLOW, _) => "a value is longer than the kernel takes in this place",
        (Errno::RANGE, Some("socket")) => "a control group's level is at most 255",
        (Errno::RANGE, _) => "a number is greater than the kernel takes in this place",
        (Errno::OPNOTSUPP, Some("socket")) => {
            "socket works in the hooks prerouting, input and output of ip, ip6 and inet, and up to \
             level 255 counted from the true root"
        }
        (Errno::OPNOTSUPP, Some(_)) => {
            "the kernel does not support this in a chain of this family, hook or type"
        }
        (Errno::OPNOTSUPP, None) => {
            "the kernel does not support it, or it exists with another hook, type or priority"
        }
        (Errno::BUSY, _) => "it is in use: rules jump to it, or match on it",
        (Errno::NFILE | Errno::NOSPC, _) => "the set is full",
        (Errno::NOTEMPTY, _) => "it overlaps an interval of the set",
        (Errno::MLINK, _) => "chains jump in a circle or too deep",
        _ => return None,
    };
    Some(text.to_owned())
}
