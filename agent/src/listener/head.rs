//! The head of a request: total, and of bounded length.

use std::io::{self, BufRead, Read};

use warren_wire_agent::base64;

/// Longest head.
const LONGEST: u64 = 16 << 10;

/// How a body is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After so many bytes.
    Bytes(u64),
    /// In pieces, the last of which is empty.
    Chunked,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// In capitals.
    pub method: String,
    /// Without a query.
    pub path: String,
    /// Of the body.
    pub length: Length,
    /// Whether the body is held back until it is asked for.
    pub expects_continue: bool,
    authorization: Option<String>,
}

impl Head {
    /// Reads a head; none if it is not one.
    ///
    /// # Errors
    /// The connection's.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut limited = reader.by_ref().take(LONGEST);
        let mut bytes = Vec::new();
        while !(bytes.ends_with(b"\r\n\r\n") || bytes.ends_with(b"\n\n")) {
            if limited.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
        }
        Ok(Self::parse(&bytes))
    }

    /// Reads a head's bytes; none if they are not one.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !version.starts_with("HTTP/1.") || !target.starts_with('/') {
            return None;
        }
        let path = target.split(['?', '#']).next()?;
        let mut head = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            length: Length::Bytes(0),
            expects_continue: false,
            authorization: None,
        };
        let mut told: Option<Length> = None;
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            match &*name.to_ascii_lowercase() {
                "content-length" => {
                    let length = Length::Bytes(value.parse().ok()?);
                    // Two lengths could mean two things to two readers.
                    if told.replace(length).is_some_and(|before| before != length) {
                        return None;
                    }
                }
                "transfer-encoding" => {
                    let is_known = value.eq_ignore_ascii_case("chunked");
                    (is_known && told.replace(Length::Chunked).is_none()).then_some(())?;
                }
                "expect" => head.expects_continue = value.eq_ignore_ascii_case("100-continue"),
                "authorization" => head.authorization = Some(value.to_owned()),
                _ => {}
            }
        }
        head.length = told.unwrap_or(Length::Bytes(0));
        Some(head)
    }

    /// Whether it comes from somebody who knows these.
    #[must_use]
    pub fn is_from(&self, user: &str, password: &str) -> bool {
        let Some(given) = self.authorization.as_deref().and_then(|text| {
            let (scheme, rest) = text.split_once(' ')?;
            let basic = scheme.eq_ignore_ascii_case("basic");
            basic.then(|| base64::decode(rest.trim()).ok()).flatten()
        }) else {
            return false;
        };
        // However much of it is right, it takes as long.
        let wanted = format!("{user}:{password}");
        let pairs = given.iter().zip(wanted.bytes().cycle());
        let differ = pairs.fold(0_u8, |differ, (one, other)| differ | (one ^ other));
        given.len() == wanted.len() && differ == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, Length};
    use proptest::prelude::*;

    fn head(rest: &str) -> Option<Head> {
        Head::parse(format!("POST /agent?x HTTP/1.1\r\nHost: a\r\n{rest}\r\n").as_bytes())
    }

    #[test]
    fn heads_are_read() {
        let plain = head("").unwrap();
        assert_eq!((&*plain.method, &*plain.path), ("POST", "/agent"));
        assert_eq!(plain.length, Length::Bytes(0));
        assert!(!plain.is_from("user", "pw"));
        let full = head(
            "content-LENGTH: 7\r\nExpect: 100-Continue\r\nAuthorization: Basic dXNlcjpwdw==\r\n",
        )
        .unwrap();
        assert_eq!(
            (full.length, full.expects_continue),
            (Length::Bytes(7), true)
        );
        assert!(full.is_from("user", "pw"));
        for (user, password) in [
            ("user", "px"),
            ("user", ""),
            ("", ""),
            ("user", "pw1"),
            ("use", "r:pw"),
        ] {
            assert!(!full.is_from(user, password), "{user}:{password}");
        }
        assert_eq!(
            head("Transfer-Encoding: chunked\r\n").unwrap().length,
            Length::Chunked
        );
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        for rest in [
            "Content-Length: 7\r\nContent-Length: 8\r\n",
            "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip\r\n",
            "Content-Length: -1\r\n",
            "no colon\r\n",
        ] {
            assert_eq!(head(rest), None, "{rest}");
        }
        assert_eq!(Head::parse(b"GET agent HTTP/1.1\r\n\r\n"), None);
        assert_eq!(Head::parse(b"GET /a b HTTP/1.1\r\n\r\n"), None);
        assert_eq!(Head::parse(b"GET /a HTTP/2\r\n\r\n"), None);
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = Head::parse(&bytes);
            let _ = Head::read(&mut &bytes[..]);
        }
    }
}
