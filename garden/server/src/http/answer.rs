//! What a call answers.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use super::connection::Taken;

/// Media type of all bodies but archives and plain messages.
pub const JSON: &str = "application/json";
/// Media type of messages that are no error objects.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// The work that goes on after a connection was taken over.
pub type Conversation = Box<dyn FnOnce(Taken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What a call answers.
pub enum Answer {
    /// A body that is there.
    Whole {
        /// Status code.
        status: u16,
        /// Media type.
        media: &'static str,
        /// A header line of the call's own.
        header: Option<(&'static str, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// A body that comes while it is sent, with status 200.
    Stream {
        /// Media type.
        media: &'static str,
        /// Its pieces; an empty one ends it. If they stop coming before that, the connection is
        /// closed without the mark of a whole body, so that the client sees that some is missing.
        pieces: mpsc::Receiver<Vec<u8>>,
    },
    /// A head, and then something that is not HTTP.
    TakeOver {
        /// Status code, 2xx.
        status: u16,
        /// What follows the head.
        then: Conversation,
    },
}

impl Answer {
    /// JSON with status 200.
    #[must_use]
    pub fn json(body: Vec<u8>) -> Self {
        Self::with_status(200, body)
    }

    /// JSON with another status.
    #[must_use]
    pub fn with_status(status: u16, body: Vec<u8>) -> Self {
        Self::Whole {
            status,
            media: JSON,
            header: None,
            body,
        }
    }

    /// A line of text.
    #[must_use]
    pub fn text(status: u16, line: &str) -> Self {
        Self::Whole {
            status,
            media: TEXT,
            header: None,
            body: format!("{line}\n").into_bytes(),
        }
    }

    /// The same with a header line; of no effect but on [`Answer::Whole`].
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        if let Self::Whole { header, .. } = &mut self {
            *header = Some((name, value));
        }
        self
    }

    /// A conversation on the raw connection after the head.
    pub fn take_over<F, C>(status: u16, then: C) -> Self
    where
        C: FnOnce(Taken) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::TakeOver {
            status,
            then: Box::new(move |taken| Box::pin(then(taken))),
        }
    }
}

/// The usual phrase of a status code; clients do not read it.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// How the end of an answer's body is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By its length.
    Length(usize),
    /// By the last chunk.
    Chunk,
    /// By the end of the connection, for clients of HTTP/1.0.
    Close,
}

/// The head of an answer.
#[must_use]
pub fn head(
    status: u16,
    media: &str,
    header: Option<&(&'static str, String)>,
    end: End,
    closes: bool,
) -> String {
    let framing = match end {
        End::Length(length) => format!("Content-Length: {length}\r\n"),
        End::Chunk => "Transfer-Encoding: chunked\r\n".to_owned(),
        End::Close => String::new(),
    };
    let own = header.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
    let close = if closes { "Connection: close\r\n" } else { "" };
    let reason = reason(status);
    format!("HTTP/1.1 {status} {reason}\r\nContent-Type: {media}\r\n{own}{framing}{close}\r\n")
}
