//! Mails of the supervisor become alerts: a small SMTP server on 127.0.0.1:2825.
//!
//! ```text
//! 220 ─ HELO/EHLO 250 ─ MAIL 250 ─ RCPT 250 ─ DATA 354 ─ text ─ . 250 ─ QUIT 221
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes mails for ever, in a thread.
///
/// # Errors
/// The place is taken.
pub fn start(agent: &Arc<Agent>, place: &str) -> io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind(place)?;
    let address = listener.local_addr()?;
    let agent = Arc::clone(agent);
    let work = move || {
        for stream in listener.incoming().flatten() {
            let text = match receive(&stream) {
                Ok(Some(text)) => text,
                Ok(None) => continue,
                Err(error) => {
                    say!("alerts", "a mail broke off: {error}");
                    continue;
                }
            };
            tell(&agent, &text);
        }
    };
    std::thread::Builder::new()
        .name("alerts".to_owned())
        .spawn(work)?;
    Ok(address)
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
fn receive(stream: &TcpStream) -> io::Result<Option<String>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
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
    use std::io::Read;
    let mut bytes = Vec::new();
    let count = reader.take(LINE).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((count > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}
