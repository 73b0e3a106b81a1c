//! Where a director is.

use std::fmt;

use crate::Error;

/// Where directors listen.
const USUAL_PORT: u16 = 25555;

/// The address of a director: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl Target {
    /// From `https://HOST[:PORT]`, `http://...` or `HOST[:PORT]`; the port is 25555 unless given.
    ///
    /// # Errors
    /// [`Error::Target`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Target(text.to_owned());
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => ("https", rest),
            Some(("http", rest)) => ("http", rest),
            Some(_) => return Err(wrong()),
            None => ("https", text),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (rest, USUAL_PORT),
        };
        let is_good = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        if host.is_empty() || !host.chars().all(is_good) {
            return Err(wrong());
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_usual_port() {
        let shown = |text| Target::parse(text).unwrap().to_string();
        assert_eq!(shown("127.0.0.1"), "https://127.0.0.1:25555");
        assert_eq!(shown("https://d.example:443/"), "https://d.example:443");
        assert_eq!(shown("[::1]"), "https://[::1]:25555");
        assert_eq!(shown("http://h:80"), "http://h:80");
        for wrong in ["", "ftp://h", "https://", "h:port", "a b", "h@x", "h/../x"] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
