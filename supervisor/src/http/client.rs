//! Asking a supervisor, or monit, over HTTP.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::auth;
use crate::monitrc::model::{Allow, Httpd};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest answer that is read.
const LARGEST: u64 = 1 << 26;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or the connection broke.
    #[error("cannot ask {0}")]
    Connect(String, #[source] std::io::Error),
    /// What came is no answer.
    #[error("{0} does not speak HTTP")]
    Protocol(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// What it says.
    pub body: String,
}

impl Answer {
    /// The message in an answer that is a page.
    #[must_use]
    pub fn message(&self) -> String {
        let after = self.body.split_once("</h2>").map_or("", |(_, after)| after);
        let end = after.find("<p>").or_else(|| after.find("<hr>"));
        let text = &after[..end.unwrap_or(after.len())];
        text.replace("&#39;", "'")
            .replace("&quot;", "\"")
            .replace("&gt;", ">")
            .replace("&lt;", "<")
            .replace("&amp;", "&")
    }
}

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Client {
    host: String,
    port: u16,
    authorization: Option<String>,
}

impl Client {
    /// As a control file says.
    #[must_use]
    pub fn new(httpd: &Httpd) -> Client {
        let mut found = httpd.allow.iter().filter_map(|allow| match allow {
            Allow::User(name, password, false) => Some((name.clone(), password.clone())),
            Allow::Cleartext(path, _) => auth::first_of(path),
            _ => None,
        });
        let credentials = found.next();
        let unspecified = |host: &&String| {
            host.parse::<IpAddr>()
                .is_ok_and(|address| address.is_unspecified())
        };
        let host = httpd.address.as_ref().filter(|host| !unspecified(host));
        Client {
            host: host.cloned().unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: httpd.port,
            authorization: credentials
                .map(|(name, word)| auth::encode(format!("{name}:{word}").as_bytes())),
        }
    }

    /// Whom it asks.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Asks for a page.
    ///
    /// # Errors
    /// [`ClientError`]. A status that is not good is an answer.
    pub fn get(&self, path: &str) -> Result<Answer, ClientError> {
        self.ask("GET", path, "")
    }

    /// Sends a form.
    ///
    /// # Errors
    /// As [`get`](Client::get).
    pub fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, ClientError> {
        let fields: Vec<String> = form
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect();
        self.ask("POST", path, &fields.join("&"))
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answer, ClientError> {
        let failed = |error| ClientError::Connect(self.address(), error);
        let mut stream = self.connect().map_err(failed)?;
        let authorization = self.authorization.as_ref();
        let authorization = authorization.map(|text| format!("Authorization: Basic {text}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{}Content-Type: \
             application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.address(),
            authorization.unwrap_or_default(),
            body.len()
        );
        stream.write_all(request.as_bytes()).map_err(failed)?;
        let mut bytes = Vec::new();
        stream
            .take(LARGEST)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        parse(&bytes).ok_or_else(|| ClientError::Protocol(self.address()))
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let addresses: Vec<SocketAddr> =
            (self.host.as_str(), self.port).to_socket_addrs()?.collect();
        let first = addresses.first();
        let none = || std::io::Error::other("no address");
        let stream = TcpStream::connect_timeout(first.ok_or_else(none)?, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

/// A name as part of a path or form.
#[must_use]
pub fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(each).collect()
}

/// Reads an answer.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Answer> {
    let (head, body) = super::head::end_of_head(bytes)?;
    let head = String::from_utf8_lossy(&bytes[..head]);
    let mut words = head.lines().next()?.split(' ');
    words.next().filter(|word| word.starts_with("HTTP/1."))?;
    Some(Answer {
        status: words.next()?.parse().ok()?,
        body: String::from_utf8_lossy(&bytes[body..]).into_owned(),
    })
}
