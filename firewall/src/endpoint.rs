//! A NATS server to protect, read from an mbus URL or `HOST:PORT`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Where NATS clients connect when a URL names no port.
const DEFAULT_PORT: u16 = 4222;

/// Longest host name: it is kept in the comments of rules, which hold 128 bytes.
const LONGEST_HOST: usize = 110;

/// Host and port of a NATS server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// A name to resolve, or an address (IPv6 without brackets).
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
}

/// What an mbus URL asks of the firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mbus {
    /// A NATS server to protect.
    Nats(Endpoint),
    /// An agent that listens itself (`https://`, as `create-env` uses): nothing to protect.
    Listener,
}

/// Why a text names no NATS server. Never holds the URL's credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing there.
    #[error("the mbus URL is empty; expected nats://HOST:PORT")]
    Empty,
    /// Neither NATS nor HTTPS.
    #[error("the mbus URL has the scheme '{0}'; expected nats://, tls:// or https://")]
    Scheme(String),
    /// No host between scheme and port.
    #[error("the mbus URL names no host; expected nats://HOST:PORT")]
    NoHost,
    /// Characters that no host name or address has, or too many of them.
    #[error("'{0}' is no IP address and no host name of at most {LONGEST_HOST} bytes")]
    Host(String),
    /// Not a number from 1 to 65535.
    #[error("'{0}' is no TCP port; expected 1 to 65535")]
    Port(String),
}

impl Endpoint {
    /// The address, where the host is one.
    pub fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Mbus {
    type Err = Error;

    /// Accepts `nats://`, `tls://` and `https://` URLs, with or without credentials, and `HOST[:PORT]`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "nats" | "tls" => rest,
                "https" => return Ok(Mbus::Listener),
                other => return Err(Error::Scheme(other.to_owned())),
            },
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A password may hold '@', a host may not: the last one divides.
        let address = authority
            .rsplit_once('@')
            .map_or(authority, |(_, address)| address);
        host_and_port(address).map(Mbus::Nats)
    }
}

fn host_and_port(address: &str) -> Result<Endpoint, Error> {
    let (host, port) = match address.strip_prefix('[') {
        Some(bracketed) => {
            let (host, tail) = bracketed
                .split_once(']')
                .ok_or_else(|| Error::Host(address.to_owned()))?;
            let port = match tail {
                "" => None,
                _ => Some(
                    tail.strip_prefix(':')
                        .ok_or_else(|| Error::Port(tail.to_owned()))?,
                ),
            };
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(Error::Host(host.to_owned()));
            }
            (host, port)
        }
        None if address.parse::<std::net::Ipv6Addr>().is_ok() => (address, None),
        None => match address.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    if host.is_empty() {
        return Err(Error::NoHost);
    }
    if !valid_host(host) {
        return Err(Error::Host(host.to_owned()));
    }
    Ok(Endpoint {
        host: host.to_owned(),
        port: port.map_or(Ok(DEFAULT_PORT), parse_port)?,
    })
}

fn parse_port(text: &str) -> Result<u16, Error> {
    match text.parse() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(Error::Port(text.to_owned())),
    }
}

/// An address, or labels of letters, digits, `-` and `_` (RFC 1123, and `_` as BOSH names use it).
fn valid_host(host: &str) -> bool {
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    // Digits and dots alone are a mistyped address, never a name.
    let is_name = host.bytes().any(|b| !b.is_ascii_digit() && b != b'.');
    let name = host.strip_suffix('.').unwrap_or(host);
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    is_name && name.len() <= LONGEST_HOST && name.split('.').all(label_ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nats(text: &str) -> (String, u16) {
        match text.parse().unwrap() {
            Mbus::Nats(found) => (found.host, found.port),
            Mbus::Listener => panic!("{text} is no NATS URL"),
        }
    }

    #[test]
    fn urls_as_directors_write_them() {
        assert_eq!(
            nats("nats://nats:secret@10.0.0.6:4222"),
            ("10.0.0.6".into(), 4222)
        );
        assert_eq!(nats("nats://10.0.0.6:4223"), ("10.0.0.6".into(), 4223));
        assert_eq!(
            nats("tls://q-s0.nats.bosh."),
            ("q-s0.nats.bosh.".into(), 4222)
        );
        assert_eq!(
            nats("nats://u:p@x@[fd00::6]:4222/"),
            ("fd00::6".into(), 4222)
        );
        assert_eq!(nats("fd00::6"), ("fd00::6".into(), 4222));
        assert_eq!(
            nats("nats.service.cf.internal:4224"),
            ("nats.service.cf.internal".into(), 4224)
        );
        assert_eq!("https://u:p@0.0.0.0:6868".parse(), Ok(Mbus::Listener));
    }

    #[test]
    fn mistakes_are_named_without_credentials() {
        let fail = |text: &str| text.parse::<Mbus>().unwrap_err();
        assert_eq!(fail(" "), Error::Empty);
        assert_eq!(fail("http://h:1"), Error::Scheme("http".into()));
        assert_eq!(fail("nats://"), Error::NoHost);
        assert_eq!(fail("nats://:4222"), Error::NoHost);
        assert_eq!(fail("nats://h:0"), Error::Port("0".into()));
        assert_eq!(fail("nats://h:65536"), Error::Port("65536".into()));
        assert_eq!(fail("nats://h:"), Error::Port(String::new()));
        assert_eq!(fail("nats://10.0.0:1"), Error::Host("10.0.0".into()));
        assert_eq!(fail("nats://[10.0.0.1]:1"), Error::Host("10.0.0.1".into()));
        assert_eq!(fail("nats://bad host:1"), Error::Host("bad host".into()));
        for text in [
            "nats://user:hunter2@:1",
            "nats://user:hunter2@h:0",
            "ftp://user:hunter2@h",
        ] {
            assert!(!fail(text).to_string().contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in ".{0,80}") {
            let _ = text.parse::<Mbus>();
        }

        #[test]
        fn what_is_shown_is_read_back(host in "[a-z][a-z0-9-]{0,20}(\\.[a-z]{1,9}){0,3}", port in 1u16..) {
            let endpoint = Endpoint { host, port };
            prop_assert_eq!(endpoint.to_string().parse(), Ok(Mbus::Nats(endpoint)));
        }
    }
}
