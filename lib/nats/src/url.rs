//! Addresses of servers: `nats://[user[:password]@]host[:port]`; also `tls://` and none.

use std::fmt;

/// The port where a URL names none.
pub const PORT: u16 = 4222;

/// Where a server is.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password, for servers that ask for them.
    pub user: Option<(String, String)>,
    /// Whether the URL itself demands TLS.
    pub tls: bool,
}

/// A text that names no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme.
    #[error("the URL of the NATS server begins neither with nats:// nor with tls://")]
    Scheme,
    /// No host.
    #[error("the URL of the NATS server names no host")]
    Host,
    /// A port that is none.
    #[error("the URL of the NATS server names a port that is none")]
    Port,
}

impl ServerUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
        let tls = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return Err(UrlError::Scheme),
        };
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                (Some((decoded(name), decoded(password))), place)
            }
            None => (None, rest),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(bracketed) => bracketed
                .split_once(']')
                .map(|(host, after)| (host, after.strip_prefix(':')))
                .ok_or(UrlError::Host)?,
            None => match place.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if host.is_empty() || !host.bytes().all(is_plain) {
            return Err(UrlError::Host);
        }
        let port = match port {
            None => PORT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or(UrlError::Port)?,
        };
        let host = host.to_owned();
        Ok(Self {
            host,
            port,
            user,
            tls,
        })
    }
}

/// Without the password.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

/// Percent-decoding; what is no escape stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{ServerUrl, UrlError};
    use proptest::prelude::*;

    #[test]
    fn shapes() {
        let url = ServerUrl::parse("nats://n:p%40x@10.0.0.1:4223/").unwrap();
        assert_eq!((&*url.host, url.port), ("10.0.0.1", 4223));
        assert_eq!(url.user.as_ref().unwrap().1, "p@x");
        assert_eq!(format!("{url:?}"), "ServerUrl(10.0.0.1:4223)");
        assert_eq!(ServerUrl::parse("nats.bosh").unwrap().port, 4222);
        assert_eq!(
            ServerUrl::parse("tls://[::1]:1").unwrap().to_string(),
            "[::1]:1"
        );
        assert_eq!(
            ServerUrl::parse("https://a:1").unwrap_err(),
            UrlError::Scheme
        );
        assert_eq!(ServerUrl::parse("nats://:1").unwrap_err(), UrlError::Host);
        assert_eq!(ServerUrl::parse("nats://a:0").unwrap_err(), UrlError::Port);
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(text in "\\PC*") {
            let _ = ServerUrl::parse(&text);
            let _ = ServerUrl::parse(&format!("nats://{text}"));
        }
    }
}
