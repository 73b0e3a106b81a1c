//! Heads of the requests and answers that take over a connection.

/// Most bytes of a head that [`parse_response_head`] looks at.
pub const MAX_HEAD: usize = 64 << 10;

/// The head of a request that takes over its connection. `body_length` is the
/// length of the body that follows; `None` for a request without one.
///
/// `target` is path and query, already encoded.
#[must_use]
pub fn request_head(method: &str, target: &str, body_length: Option<usize>) -> String {
    let body = body_length.map_or_else(String::new, |length| {
        format!("Content-Length: {length}\r\nContent-Type: application/json\r\n")
    });
    format!("{method} {target} HTTP/1.1\r\nHost: api\r\n{body}\r\n")
}

/// The head of an answer that takes over its connection: status 201 for run,
/// 200 for the others. What follows is raw, whatever the head says.
#[must_use]
pub fn response_head(status: u16) -> String {
    let reason = if status == 201 { "Created" } else { "OK" };
    format!("HTTP/1.1 {status} {reason}\r\nTransfer-Encoding: chunked\r\n\r\n")
}

/// An answer's head, as far as clients care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// Minor version of HTTP/1.
    pub minor: u8,
    /// Names (in lower case) and values, in order.
    pub headers: Vec<(String, String)>,
    /// Bytes of the head; what follows begins there.
    pub length: usize,
}

/// Why an answer's head is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It is not HTTP/1.
    #[error("the answer is not HTTP/1")]
    NotHttp,
    /// A header line has no colon, or is not text.
    #[error("malformed header in the answer")]
    Header,
    /// It does not end within [`MAX_HEAD`] bytes.
    #[error("the answer's head is longer than {MAX_HEAD} bytes")]
    TooLong,
}

impl Head {
    /// The first value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the body is said to be chunked. It is for errors; where the
    /// connection is taken over it is not, whatever is said.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    /// The body's length, if said.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// Whether a stock client takes over the connection after this head.
    #[must_use]
    pub fn takes_over(&self) -> bool {
        let closes = self
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        (200..300).contains(&self.status)
            && self.minor >= 1
            && !closes
            && (self.is_chunked() || self.content_length().is_some())
    }
}

/// Reads an answer's head from the bytes received so far; nothing when it is
/// not complete yet.
///
/// # Errors
///
/// [`HeadError`] for anything that is no HTTP/1 head.
pub fn parse_response_head(bytes: &[u8]) -> Result<Option<Head>, HeadError> {
    let window = &bytes[..bytes.len().min(MAX_HEAD)];
    let Some(end) = window.windows(4).position(|four| four == b"\r\n\r\n") else {
        let begun = window.len().min(7);
        if window[..begun] != b"HTTP/1."[..begun] {
            return Err(HeadError::NotHttp);
        }
        if bytes.len() >= MAX_HEAD {
            return Err(HeadError::TooLong);
        }
        return Ok(None);
    };
    let text = str::from_utf8(&window[..end]).map_err(|_| HeadError::Header)?;
    let mut lines = text.split("\r\n");
    let (minor, status) = lines
        .next()
        .and_then(status_line)
        .ok_or(HeadError::NotHttp)?;
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(HeadError::Header)?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Some(Head {
        status,
        minor,
        headers,
        length: end + 4,
    }))
}

fn status_line(line: &str) -> Option<(u8, u16)> {
    let rest = line.strip_prefix("HTTP/1.")?;
    let (minor, rest) = rest.split_once(' ')?;
    let status = rest.split(' ').next()?;
    if status.len() != 3 || minor.len() != 1 {
        return None;
    }
    Some((minor.parse().ok()?, status.parse().ok()?))
}
