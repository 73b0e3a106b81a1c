//! `if failed [host H] port P ...`: connection tests.

use std::time::Duration;

use super::cursor::Cursor;
use super::model::{Connection, Http, Protocol, Step, Target};
use super::{ParseError, check, condition, units};

/// Monit's default for a connection.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Monit's default port for a URL.
const HTTP_PORT: u16 = 80;

/// Protocols that monit speaks and that are checked here as far as connecting.
const CONNECT_ONLY: [&str; 29] = [
    "apache-status",
    "clamav",
    "dns",
    "dwp",
    "ftp",
    "generic",
    "gps",
    "imap",
    "ldap2",
    "ldap3",
    "lmtp",
    "memcache",
    "mongodb",
    "mqtt",
    "mysql",
    "nntp",
    "ntp3",
    "pgsql",
    "pop",
    "postfix-policy",
    "radius",
    "rdate",
    "redis",
    "rsync",
    "sieve",
    "sip",
    "smtp",
    "ssh",
    "tns",
];

/// What has been read so far.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<u16>,
    udp: bool,
    unix: Option<std::path::PathBuf>,
    http: Option<Http>,
    steps: Vec<Step>,
    timeout: Option<Duration>,
    tries: u32,
    tls: bool,
}

/// Parses what follows `if failed`; `host` is the one meant where none is named.
pub(super) fn connection(
    cursor: &mut Cursor,
    host: &str,
    warnings: &mut Vec<(usize, String)>,
) -> Result<Connection, ParseError> {
    let mut parts = Parts::default();
    while option(cursor, &mut parts, warnings)? {}
    let target = match (parts.unix, parts.port) {
        (Some(_), Some(_)) => return Err(cursor.error("both a port and a unix socket")),
        (Some(path), None) => Target::Unix(path),
        (None, Some(port)) => {
            let host = parts.host.unwrap_or_else(|| host.to_owned());
            if parts.udp {
                Target::Udp(host, port)
            } else {
                Target::Tcp(host, port)
            }
        }
        (None, None) => return Err(cursor.unexpected("what failed: a port, a unix socket, a url")),
    };
    if parts.tls {
        (parts.http, parts.steps) = (None, Vec::new());
    }
    let protocol = match (parts.http, parts.steps.is_empty()) {
        (Some(http), true) => Protocol::Http(http),
        (None, true) => Protocol::None,
        (None, false) => Protocol::Exchange(parts.steps),
        (Some(_), false) => return Err(cursor.error("both a protocol and send or expect")),
    };
    if matches!(target, Target::Udp(..)) && protocol != Protocol::None {
        return Err(cursor.error("a protocol over udp is not supported"));
    }
    Ok(Connection {
        target,
        protocol,
        timeout: parts.timeout.unwrap_or(TIMEOUT),
        tries: parts.tries.clamp(1, 10),
    })
}

fn option(
    cursor: &mut Cursor,
    parts: &mut Parts,
    warnings: &mut Vec<(usize, String)>,
) -> Result<bool, ParseError> {
    let Some(word) = cursor.peek() else {
        return Ok(false);
    };
    let known = [
        "host",
        "port",
        "type",
        "unixsocket",
        "unix",
        "url",
        "protocol",
        "proto",
        "timeout",
        "retry",
        "request",
        "hostheader",
        "status",
        "content",
        "send",
        "expect",
        "username",
        "password",
        "ipv4",
        "ipv6",
        "ssl",
        "tls",
        "address",
    ];
    if !known.contains(&word.as_str()) {
        return Ok(false);
    }
    cursor.next_word();
    let line = cursor.line();
    match word.as_str() {
        "host" => parts.host = Some(cursor.text("a host")?),
        "port" => parts.port = Some(units::port(cursor)?),
        "type" => match cursor.expect(&["tcp", "udp", "tcpssl"])?.as_str() {
            "tcp" => {}
            "udp" => parts.udp = true,
            _ => tls(parts, line, warnings),
        },
        "unixsocket" | "unix" => {
            cursor.take("socket");
            parts.unix = Some(check::path(cursor)?);
        }
        "url" => url(cursor, parts, warnings)?,
        "protocol" | "proto" => {
            let name = cursor.text("a protocol")?.to_ascii_lowercase();
            match name.as_str() {
                "default" | "tcp" => {}
                "http" => parts.http = Some(parts.http.take().unwrap_or_else(get_root)),
                "https" => tls(parts, line, warnings),
                name if CONNECT_ONLY.contains(&name) => warnings.push((
                    line,
                    format!("protocol {name} is checked as far as that the port accepts"),
                )),
                _ => return Err(cursor.error(format!("unknown protocol {name:?}"))),
            }
        }
        "timeout" => parts.timeout = Some(units::time(cursor)?),
        "retry" => parts.tries = units::whole(cursor, "a number of tries")?,
        "request" => {
            let path = cursor.text("a path to request")?;
            if path.chars().any(|c| c.is_control() || c == ' ') {
                return Err(cursor.error(format!("{path:?} cannot be requested")));
            }
            http(parts).path = path;
        }
        "hostheader" => {
            let host = cursor.text("a host header")?;
            if host.chars().any(|c| c.is_control() || c == ' ') {
                return Err(cursor.error(format!("{host:?} is no host header")));
            }
            http(parts).host = Some(host);
        }
        "status" => {
            let op = condition::sign(cursor).ok_or_else(|| cursor.unexpected("a comparison"))?;
            let status = i64::from(units::whole(cursor, "an HTTP status")?);
            http(parts).status = Some((op, status));
        }
        "content" => {
            let negated = condition::sign(cursor) == Some(super::model::Op::NotEqual);
            let pattern = cursor.text("a regular expression")?;
            check::check_pattern(cursor, &pattern)?;
            http(parts).content = Some((pattern, negated));
        }
        "username" => {
            let name = cursor.text("a user")?;
            credentials(parts).0 = name;
        }
        "password" => {
            let word = cursor.text("a password")?;
            credentials(parts).1 = word;
        }
        "send" => {
            let text = cursor.quoted("a text to send")?;
            parts.steps.push(Step::Send(unescape(&text)));
        }
        "expect" => {
            let pattern = cursor.quoted("a pattern to expect")?;
            check::check_pattern(cursor, &pattern)?;
            parts.steps.push(Step::Expect(pattern));
        }
        "ssl" | "tls" => tls(parts, line, warnings),
        "address" => {
            let _ = cursor.text("an address")?;
            warnings.push((line, "'address' has no effect on a test".to_owned()));
        }
        _ => {}
    }
    Ok(true)
}

const TLS: &str = "TLS is checked as far as that the port accepts";

fn tls(parts: &mut Parts, line: usize, warnings: &mut Vec<(usize, String)>) {
    if !std::mem::replace(&mut parts.tls, true) {
        warnings.push((line, TLS.to_owned()));
    }
}

fn get_root() -> Http {
    Http {
        path: "/".to_owned(),
        host: None,
        status: None,
        content: None,
        credentials: None,
    }
}

fn http(parts: &mut Parts) -> &mut Http {
    parts.http.get_or_insert_with(get_root)
}

fn credentials(parts: &mut Parts) -> &mut (String, String) {
    http(parts).credentials.get_or_insert_default()
}

fn url(
    cursor: &mut Cursor,
    parts: &mut Parts,
    warnings: &mut Vec<(usize, String)>,
) -> Result<(), ParseError> {
    let text = cursor.text("a url")?;
    let bad = |cursor: &Cursor| cursor.error(format!("{text:?} is no URL that can be checked"));
    let (scheme, rest) = text.split_once("://").ok_or_else(|| bad(cursor))?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.contains(']') => {
            (host, Some(port.parse::<u16>().map_err(|_| bad(cursor))?))
        }
        _ => (host, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || text.chars().any(|c| c.is_control() || c == ' ') {
        return Err(bad(cursor));
    }
    parts.host = Some(host.to_owned());
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {
            parts.port = Some(port.unwrap_or(HTTP_PORT));
            http(parts).path = path.to_owned();
            if let Some((name, password)) = user.and_then(|user| user.split_once(':')) {
                *credentials(parts) = (name.to_owned(), password.to_owned());
            }
        }
        "https" => {
            parts.port = Some(port.unwrap_or(443));
            tls(parts, cursor.line(), warnings);
        }
        _ => return Err(bad(cursor)),
    }
    Ok(())
}

/// `\r`, `\n`, `\t`, `\0xHH` and `\\`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let after = &rest[at + 1..];
        let hex = after.strip_prefix("0x").and_then(|hex| hex.get(..2));
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[4..];
            continue;
        }
        let (byte, taken) = match after.as_bytes().first() {
            Some(b'r') => (b'\r', 1),
            Some(b'n') => (b'\n', 1),
            Some(b't') => (b'\t', 1),
            Some(b'\\') => (b'\\', 1),
            _ => (b'\\', 0),
        };
        bytes.push(byte);
        rest = &after[taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn texts_to_send() {
        assert_eq!(unescape("a\\r\\n\\0x41\\\\\\q"), b"a\r\nA\\\\q");
        assert_eq!(unescape("\\0x4"), b"\\0x4");
        assert_eq!(unescape("\\"), b"\\");
    }
}
