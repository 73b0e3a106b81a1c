//! What is tested over a connection.

use std::path::PathBuf;
use std::time::Duration;

use super::Op;

/// A connection test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where to.
    pub target: Target,
    /// What is said.
    pub protocol: Protocol,
    /// How long all of it may take. Monit's default is 5 s.
    pub timeout: Duration,
    /// Tries within one check; at least 1.
    pub tries: u32,
}

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A TCP port.
    Tcp(String, u16),
    /// A UDP port: bad is one that answers that nobody listens.
    Udp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// What is said over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Nothing.
    None,
    /// A GET whose status must be below 400.
    Http(Http),
    /// Texts sent and patterns expected, in order.
    Exchange(Vec<Step>),
}

/// An HTTP request and what is wanted of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Path and query.
    pub path: String,
    /// `Host:` if not the host connected to.
    pub host: Option<String>,
    /// The good status, instead of everything below 400.
    pub status: Option<(Op, i64)>,
    /// A pattern that the body must (or, negated, must not) match.
    pub content: Option<(String, bool)>,
    /// User and password.
    pub credentials: Option<(String, String)>,
}

/// One step of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sent as it is.
    Send(Vec<u8>),
    /// What comes must match.
    Expect(String),
}
