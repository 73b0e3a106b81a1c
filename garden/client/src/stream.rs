//! Where a server is, and a connection to it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::tls::{Encrypted, Tls, tls_error};
use crate::{Error, TlsError, TlsProblem};

/// How long dialling may take; the stock client's bound.
const DIAL: Duration = Duration::from_secs(2);

/// Where a Garden server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `host:port`.
    Tcp(String),
    /// `host:port`, with TLS.
    Tls(String),
    /// A socket's path.
    Unix(PathBuf),
}

impl Target {
    /// A path if it is one or exists, else host and port; without a port it is 7777. `https://`
    /// is with TLS.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if let Some(text) = text.strip_prefix("https://") {
            return Self::Tls(address(text));
        }
        if let Some(path) = text.strip_prefix("unix://") {
            return Self::Unix(path.into());
        }
        if text.starts_with(['/', '.']) || Path::new(text).exists() {
            return Self::Unix(text.into());
        }
        let text = ["tcp://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text);
        Self::Tcp(address(text))
    }
}

/// Host and port of what may lack a port.
fn address(text: &str) -> String {
    let text = text.trim_end_matches('/');
    // The colons of a bare IPv6 address are none of a port.
    let has_port = text
        .rsplit_once(':')
        .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match (has_port, text.contains(':') && !text.starts_with('[')) {
        (true, _) => text.to_owned(),
        (false, true) => format!("[{text}]:7777"),
        (false, false) => format!("{text}:7777"),
    }
}

/// A target, and how TLS is spoken to it.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) target: Target,
    /// None: as [`Tls::default`], read when it is needed.
    config: Option<Arc<ClientConfig>>,
}

impl Server {
    pub(crate) fn new(target: Target, tls: Option<&Tls>) -> Result<Self, TlsError> {
        let config = tls.map(Tls::config).transpose()?;
        Ok(Self { target, config })
    }

    /// Without wishes about TLS.
    pub(crate) fn plain(target: Target) -> Self {
        Self {
            target,
            config: None,
        }
    }

    pub(crate) fn connect(&self) -> Result<Stream, Error> {
        let stream = match &self.target {
            Target::Tcp(address) => dial(address).map(Stream::Tcp),
            Target::Tls(address) => return self.agree(address),
            Target::Unix(path) => UnixStream::connect(path).map(Stream::Unix),
        };
        stream.map_err(|source| self.unreachable(source))
    }

    fn agree(&self, address: &str) -> Result<Stream, Error> {
        let config = match &self.config {
            Some(config) => Arc::clone(config),
            None => Tls::default().config()?,
        };
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|_no_name| {
            let text = "the target has no name that a certificate could be for";
            self.unreachable(io::Error::new(io::ErrorKind::InvalidInput, text))
        })?;
        let socket = dial(address).map_err(|source| self.unreachable(source))?;
        let agreed = Encrypted::agree(socket, name, config);
        agreed
            .map(|stream| Stream::Tls(Box::new(stream)))
            .map_err(|error| match tls_error(error) {
                Ok(source) => Error::Tls {
                    problem: TlsProblem::of(&source),
                    source,
                },
                Err(source) => self.unreachable(source),
            })
    }

    fn unreachable(&self, source: io::Error) -> Error {
        Error::Connect {
            target: self.target.to_string(),
            source,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Tls(address) => write!(f, "https://{address}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Tries every address of the name.
fn dial(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, DIAL) {
            Ok(stream) => {
                // Small lines go both ways; none should wait for the next.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<Encrypted>),
    Unix(UnixStream),
}

impl Stream {
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Tls(stream) => Self::Tls(Box::new(stream.try_clone()?)),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        })
    }

    /// Hangs up, for all clones.
    pub(crate) fn hang_up(&self) {
        // One that is closed already is as wanted.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Tls(stream) => stream.hang_up(),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Tcp(stream) => stream.read(buffer),
                Self::Tls(stream) => stream.read(buffer),
                Self::Unix(stream) => stream.read(buffer),
            };
            match read {
                // A socket with a time-out is interrupted by much that is no signal of anybody's.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn targets() {
        for (text, shown) in [
            ("10.244.0.2:7777", "10.244.0.2:7777"),
            ("example", "example:7777"),
            ("tcp://example:1", "example:1"),
            ("::1", "[::1]:7777"),
            ("[::1]:80", "[::1]:80"),
            ("[::1]", "[::1]:7777"),
        ] {
            assert_eq!(Target::parse(text), Target::Tcp(shown.to_owned()), "{text}");
        }
        for (text, shown) in [
            ("https://example", "https://example:7777"),
            ("https://10.0.0.1:1/", "https://10.0.0.1:1"),
            ("https://[::1]", "https://[::1]:7777"),
        ] {
            let target = Target::parse(text);
            assert!(matches!(target, Target::Tls(_)), "{text}");
            assert_eq!(target.to_string(), shown);
        }
        for path in ["/no/such.sock", "unix:///no/such.sock", "Cargo.toml"] {
            let is_path = matches!(Target::parse(path), Target::Unix(_));
            assert!(is_path, "{path}");
        }
    }
}
