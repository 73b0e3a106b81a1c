//! Heads of requests: parsing, limits, framing of the body. No input, no output.

/// Most bytes of a head.
pub const MAX_HEAD: usize = 64 << 10;

/// Most header lines of a head.
pub const MAX_HEADERS: usize = 100;

/// A request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// As it came; methods are case sensitive.
    pub method: String,
    /// Path and query, or an absolute address, as it came.
    pub target: String,
    /// Minor version of HTTP/1.
    pub minor: u8,
    /// Names in lower case and values that are text, in order.
    headers: Vec<(String, String)>,
}

/// How the bytes of a body are marked off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes; 0 for a request without a body.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
}

/// Why a request cannot be answered as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not the head of an HTTP/1 request.
    #[error("malformed request head")]
    Malformed(#[from] httparse::Error),
    /// It does not end within [`MAX_HEAD`] bytes, or has more lines than [`MAX_HEADERS`].
    #[error("request head is too large")]
    TooLarge,
    /// A header's value is not text.
    #[error("header {0:?} is not text")]
    NotText(String),
    /// Where the body ends cannot be told, or can be told in two ways.
    #[error("the length of the body is ambiguous")]
    Ambiguous,
    /// A transfer coding other than `chunked`.
    #[error("transfer coding {0:?} is not known")]
    Coding(String),
}

impl HeadError {
    /// The status code of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge => 431,
            Self::Coding(_) => 501,
            Self::Malformed(_) | Self::NotText(_) | Self::Ambiguous => 400,
        }
    }
}

impl Head {
    /// Reads the head at the start of `bytes`, with its length; nothing if it is not complete.
    ///
    /// # Errors
    /// [`HeadError`].
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, HeadError> {
        let window = &bytes[..bytes.len().min(MAX_HEAD)];
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut lines);
        let length = match request.parse(window) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD => {
                return Err(HeadError::TooLarge);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
            Err(error) => return Err(error.into()),
        };
        let mut headers = Vec::with_capacity(request.headers.len());
        for line in request.headers.iter() {
            let name = line.name.to_ascii_lowercase();
            let Ok(value) = str::from_utf8(line.value) else {
                return Err(HeadError::NotText(name));
            };
            headers.push((name, value.trim().to_owned()));
        }
        let head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            minor: request.version.unwrap_or_default(),
            headers,
        };
        Ok(Some((head, length)))
    }

    /// The first value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.headers.iter().filter(move |(key, _)| key == name);
        lines.flat_map(|(_, value)| value.split(',').map(str::trim))
    }

    /// Whether one word of a header that lists words is `word`, in any case.
    fn says(&self, name: &str, word: &str) -> bool {
        self.values(name)
            .any(|value| value.eq_ignore_ascii_case(word))
    }

    /// Whether the connection may be used for another request after this one.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        match self.minor {
            0 => self.says("connection", "keep-alive"),
            _ => !self.says("connection", "close"),
        }
    }

    /// Whether the client waits for a word before it sends the body.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.minor > 0 && self.says("expect", "100-continue")
    }

    /// How the body is framed.
    ///
    /// # Errors
    /// [`HeadError::Ambiguous`] and [`HeadError::Coding`].
    pub fn framing(&self) -> Result<Framing, HeadError> {
        let lengths: Vec<&str> = self.values("content-length").collect();
        let codings: Vec<&str> = self.values("transfer-encoding").collect();
        match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => Ok(Framing::Length(0)),
            ([], [first, rest @ ..]) if rest.iter().all(|other| other == first) => {
                let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
                let length = digits.then(|| first.parse().ok()).flatten();
                length.map(Framing::Length).ok_or(HeadError::Ambiguous)
            }
            ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            ([coding], []) => Err(HeadError::Coding((*coding).to_owned())),
            _ => Err(HeadError::Ambiguous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Head {
        Head::parse(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn a_head_is_read_and_what_follows_is_left() {
        let text = b"PUT /x?a=b HTTP/1.1\r\nHost: api\r\nContent-Length: 3\r\n\r\nabc";
        let (head, length) = Head::parse(text).unwrap().unwrap();
        assert_eq!(
            (head.method.as_str(), head.target.as_str()),
            ("PUT", "/x?a=b")
        );
        assert_eq!(head.header("host"), Some("api"));
        assert_eq!(head.framing(), Ok(Framing::Length(3)));
        assert_eq!(&text[length..], b"abc");
        assert!(head.keeps_alive());
    }

    #[test]
    fn keep_alive_depends_on_version_and_word() {
        assert!(!parsed("GET / HTTP/1.0\r\n\r\n").keeps_alive());
        assert!(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keeps_alive());
        assert!(!parsed("GET / HTTP/1.1\r\nConnection: a, Close\r\n\r\n").keeps_alive());
    }

    #[test]
    fn two_lengths_are_one_only_if_equal() {
        let with = |lines: &str| parsed(&format!("PUT / HTTP/1.1\r\n{lines}\r\n")).framing();
        assert_eq!(
            with("Content-Length: 3\r\nContent-Length: 3\r\n"),
            Ok(Framing::Length(3))
        );
        for wrong in [
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(with(wrong), Err(HeadError::Ambiguous), "{wrong}");
        }
        assert_eq!(with("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(
            with("Transfer-Encoding: gzip\r\n").unwrap_err().status(),
            501
        );
    }

    #[test]
    fn a_head_without_end_is_refused_at_the_limit() {
        let mut text = b"GET / HTTP/1.1\r\nX: ".to_vec();
        text.resize(MAX_HEAD - 1, b'a');
        assert_eq!(Head::parse(&text), Ok(None));
        text.push(b'a');
        assert_eq!(Head::parse(&text), Err(HeadError::TooLarge));
        let many = "a: b\r\n".repeat(MAX_HEADERS + 1);
        let text = format!("GET / HTTP/1.1\r\n{many}\r\n");
        assert_eq!(Head::parse(text.as_bytes()), Err(HeadError::TooLarge));
    }

    proptest! {
        #[test]
        fn a_split_head_is_incomplete_and_then_the_same(at in 0_usize..70) {
            let text = b"POST /containers HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\n";
            let at = at.min(text.len() - 1);
            prop_assert_eq!(Head::parse(&text[..at]), Ok(None));
            let (head, length) = Head::parse(text).unwrap().unwrap();
            prop_assert_eq!(length, text.len());
            prop_assert_eq!(head.framing(), Ok(Framing::Chunked));
        }

        #[test]
        fn any_bytes_are_a_head_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some((head, length))) = Head::parse(&bytes) {
                prop_assert!(length <= bytes.len());
                _ = head.framing();
            }
        }
    }
}
