//! Connection tests: made in threads of their own, each bounded by its timeout.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::fleet::Reading;
use crate::monitrc::model::{Connection, Http, Protocol, Step, Target};

/// How much of an answer is looked at.
const LONGEST: usize = 1 << 18;

/// How long a UDP port has to answer that nobody listens.
const REFUSAL: Duration = Duration::from_millis(200);

/// Makes a test.
pub(super) fn test(connection: &Connection) -> Reading {
    let mut last = String::new();
    for _ in 0..connection.tries {
        match once(connection) {
            Ok(()) => return Reading::Good,
            Err(error) => last = error,
        }
    }
    let place = match &connection.target {
        Target::Tcp(host, port) => format!("INET[{host}:{port}] via TCP"),
        Target::Udp(host, port) => format!("INET[{host}:{port}] via UDP"),
        Target::Unix(path) => format!("UNIX[{}]", path.display()),
    };
    let what = match &connection.protocol {
        Protocol::None => "failed to connect to",
        Protocol::Http(_) => "failed protocol test [HTTP] at",
        Protocol::Exchange(_) => "failed protocol test [generic] at",
    };
    Reading::Bad(format!("{what} {place}: {last}"))
}

/// A stream with an end to all patience.
trait Stream: Read + Write {
    fn patience(&self, left: Duration) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn patience(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }
}

impl Stream for UnixStream {
    fn patience(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }
}

struct Talk {
    stream: Box<dyn Stream>,
    until: Instant,
}

impl Talk {
    fn ready(&self) -> Result<(), String> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("timed out".to_owned());
        }
        self.stream.patience(left).map_err(say)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.ready()?;
        self.stream.write_all(bytes).map_err(say)
    }

    /// Some bytes; none at the end.
    fn receive(&mut self) -> Result<Vec<u8>, String> {
        self.ready()?;
        let mut bytes = vec![0; 4096];
        let len = self.stream.read(&mut bytes).map_err(say)?;
        bytes.truncate(len);
        Ok(bytes)
    }
}

fn say(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "timed out".to_owned(),
        _ => error.to_string(),
    }
}

fn once(connection: &Connection) -> Result<(), String> {
    let until = Instant::now() + connection.timeout;
    let stream: Box<dyn Stream> = match &connection.target {
        Target::Tcp(host, port) => Box::new(tcp(host, *port, until)?),
        Target::Udp(host, port) => return udp(host, *port),
        Target::Unix(path) => Box::new(UnixStream::connect(path).map_err(say)?),
    };
    let mut talk = Talk { stream, until };
    match &connection.protocol {
        Protocol::None => Ok(()),
        Protocol::Http(http) => get(&mut talk, http, &connection.target),
        Protocol::Exchange(steps) => exchange(&mut talk, steps),
    }
}

fn tcp(host: &str, port: u16, until: Instant) -> Result<TcpStream, String> {
    let mut last = format!("{host} has no address");
    for address in (host, port).to_socket_addrs().map_err(say)? {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("timed out".to_owned());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = say(error),
        }
    }
    Err(last)
}

fn udp(host: &str, port: u16) -> Result<(), String> {
    let address = (host, port)
        .to_socket_addrs()
        .map_err(say)?
        .next()
        .ok_or_else(|| format!("{host} has no address"))?;
    let any = if address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).map_err(say)?;
    socket.connect(address).map_err(say)?;
    socket.set_read_timeout(Some(REFUSAL)).map_err(say)?;
    socket.send(&[0]).map_err(say)?;
    match socket.recv(&mut [0; 64]) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Err(say(error)),
        _ => Ok(()),
    }
}

fn exchange(talk: &mut Talk, steps: &[Step]) -> Result<(), String> {
    for step in steps {
        match step {
            Step::Send(bytes) => talk.send(bytes)?,
            Step::Expect(pattern) => {
                let wanted = crate::pattern::compile(pattern)?;
                let mut got = Vec::new();
                loop {
                    let more = talk.receive()?;
                    let end = more.is_empty();
                    got.extend(more);
                    if wanted.is_match(&String::from_utf8_lossy(&got)) {
                        break;
                    }
                    if end || got.len() > LONGEST {
                        return Err(format!("the answer does not match {pattern:?}"));
                    }
                }
            }
        }
    }
    Ok(())
}

fn get(talk: &mut Talk, http: &Http, target: &Target) -> Result<(), String> {
    let host = match (&http.host, target) {
        (Some(host), _) => host.clone(),
        (None, Target::Tcp(host, 80)) => host.clone(),
        (None, Target::Tcp(host, port)) => format!("{host}:{port}"),
        (None, _) => "localhost".to_owned(),
    };
    let authorization = http.credentials.as_ref().map(|(user, password)| {
        let text = crate::http::auth::encode(format!("{user}:{password}").as_bytes());
        format!("Authorization: Basic {text}\r\n")
    });
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nUser-Agent: monit/5.2.5\r\n{}Connection: \
         close\r\n\r\n",
        http.path,
        authorization.unwrap_or_default()
    );
    talk.send(request.as_bytes())?;
    let mut answer = Vec::new();
    let status = loop {
        let more = talk.receive()?;
        let end = more.is_empty();
        answer.extend(more);
        if let Some(status) = status_of(&answer) {
            break status;
        }
        if end || answer.len() > LONGEST {
            return Err("the answer is no HTTP".to_owned());
        }
    };
    let good = match http.status {
        Some((op, wanted)) => op.holds(status as f64, wanted as f64),
        None => status < 400,
    };
    if !good {
        return Err(format!("HTTP status {status}"));
    }
    let Some((pattern, negated)) = &http.content else {
        return Ok(());
    };
    while answer.len() < LONGEST {
        let more = talk.receive()?;
        if more.is_empty() {
            break;
        }
        answer.extend(more);
    }
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if crate::pattern::compile(pattern)?.is_match(body) == *negated {
        return Err(format!("the content is not as {pattern:?} says"));
    }
    Ok(())
}

/// The status of an answer whose first line is complete.
fn status_of(answer: &[u8]) -> Option<i64> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    if line.len() == answer.len() {
        return None;
    }
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("HTTP/")?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        assert_eq!(status_of(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status_of(b"HTTP/1.1 200 OK"), None);
        assert_eq!(status_of(b"\xff\n"), None);
        assert_eq!(status_of(b"SSH-2.0\n"), None);
    }
}
