//! Mails of the supervisor become alerts: a small SMTP server on 127.0.0.1:2825.
//!
//! ```text
//! 220 ─ HELO/EHLO 250 ─ MAIL 250 ─ RCPT 250 ─ DATA 354 ─ text ─ . 250 ─ QUIT 221
//! ```

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use warren_wire_agent::alert::Mail;
use warren_wire_agent::subject;

use crate::agent::Agent;
use crate::say;

/// Where supervisors send their mails.
pub const PLACE: &str = "127.0.0.1:2825";
/// Longest mail that is read.
const MOST: usize = 64 * 1024;
/// Longest line.
const LINE: u64 = 4096;
/// For a whole conversation.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many clients are heard at once; a supervisor has one.
const CLIENTS: usize = 8;

/// A client, heard until a moment.
struct Client<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Client<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for Client<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Client<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Takes mails for ever, in a thread.
///
/// # Errors
/// The place is taken.
pub fn start(agent: &Arc<Agent>, place: &str) -> io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind(place)?;
    let address = listener.local_addr()?;
    let agent = Arc::clone(agent);
    let talking = Arc::new(AtomicUsize::new(0));
    let work = move || {
        for stream in listener.incoming().flatten() {
            let (agent, talking) = (Arc::clone(&agent), Arc::clone(&talking));
            if talking.fetch_add(1, Ordering::SeqCst) >= CLIENTS {
                talking.fetch_sub(1, Ordering::SeqCst);
                say!(
                    "alerts",
                    "a client is turned away, {CLIENTS} are there already"
                );
                continue;
            }
            let ended = Arc::clone(&talking);
            let work = move || {
                take(&agent, &stream);
                talking.fetch_sub(1, Ordering::SeqCst);
            };
            let started = std::thread::Builder::new()
                .name("alert".to_owned())
                .spawn(work);
            if let Err(error) = started {
                ended.fetch_sub(1, Ordering::SeqCst);
                say!("alerts", "cannot start a thread: {error}");
            }
        }
    };
    std::thread::Builder::new()
        .name("alerts".to_owned())
        .spawn(work)?;
    Ok(address)
}

fn take(agent: &Agent, stream: &TcpStream) {
    match receive(stream, Instant::now() + PATIENCE) {
        Ok(Some(text)) => tell(agent, &text),
        Ok(None) => {}
        Err(error) => say!("alerts", "a mail broke off: {error}"),
    }
}

fn tell(agent: &Agent, text: &str) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let settings = agent.settings.settings();
    let Some(alert) = Mail::parse(text).alert(&settings.addresses(), now) else {
        return;
    };
    say!("alerts", "{} (severity {})", alert.title, alert.severity);
    let (Some(uplink), Ok(payload)) = (agent.uplink(), warren_wire_agent::encode_bare(&alert))
    else {
        return;
    };
    if let Err(error) = uplink.publish(&subject::alert(&settings.agent_id), &payload) {
        say!("alerts", "{}", warren_lib_errchain::chain(&error));
    }
}

/// One conversation; its mail, if there was one.
fn receive(stream: &TcpStream, until: Instant) -> io::Result<Option<String>> {
    let client = || Client { stream, until };
    let (mut reader, mut writer) = (BufReader::new(client()), client());
    let mut mail = None;
    writer.write_all(b"220 agent.local ready\r\n")?;
    while let Some(line) = line(&mut reader)? {
        let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match &*word {
            "HELO" | "EHLO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => b"250 OK\r\n",
            "DATA" => {
                writer.write_all(b"354 go on\r\n")?;
                mail = Some(content(&mut reader)?);
                b"250 OK\r\n"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n")?;
                break;
            }
            _ => b"500 unknown\r\n",
        };
        writer.write_all(answer)?;
    }
    Ok(mail)
}

fn content(reader: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    while let Some(line) = line(reader)? {
        if line == "." {
            break;
        }
        if text.len() < MOST {
            text.push_str(line.strip_prefix("..").unwrap_or(&line));
            text.push('\n');
        }
    }
    Ok(text)
}

/// A line without its end.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let count = reader.take(LINE).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((count > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::receive;

    #[test]
    fn a_client_that_drips_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let dripping = std::thread::spawn(move || {
            // A line that never ends, a byte at a time.
            while client.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let error = receive(&stream, Instant::now() + Duration::from_millis(100)).unwrap_err();
        let of_limit = [std::io::ErrorKind::TimedOut, std::io::ErrorKind::WouldBlock];
        assert!(of_limit.contains(&error.kind()), "{error}");
        drop(stream);
        dripping.join().unwrap();
    }
}
