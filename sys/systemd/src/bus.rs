//! One connection to systemd's own socket.
//!
//! ```text
//! we    NUL "AUTH EXTERNAL " our user id in decimal, in hex CR LF "BEGIN" CR LF
//! they  "OK " some id CR LF
//! we    messages from then on
//! ```
//!
//! `BEGIN` goes with the first line, as systemd's own clients have it: a message that arrives in one
//! piece with it is not looked at by systemd (252) before the next one comes.
//!
//! No bus daemon is between: there is no `Hello`, and nobody else's messages come.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::message::{Call, Kind, Message, PREFIX, Writer, decode, encode, length};

/// Where pid 1 listens.
pub const SOCKET: &str = "/run/systemd/private";

/// How long an answer may take. systemd answers nobody while it reads its units again.
const PATIENCE: Duration = Duration::from_secs(90);
/// Longest line of the authentication.
const LONGEST_LINE: usize = 512;

/// A connection.
#[derive(Debug)]
pub struct Bus {
    stream: UnixStream,
    serial: u32,
}

impl Bus {
    /// Connects and authenticates.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Refused`].
    pub fn connect(socket: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Connect {
            path: socket.to_owned(),
            source,
        };
        let stream = UnixStream::connect(socket).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        let mut bus = Self { stream, serial: 0 };
        let user = rustix::process::geteuid().as_raw().to_string();
        let hex: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        let hello = format!("\0AUTH EXTERNAL {hex}\r\nBEGIN\r\n");
        bus.stream.write_all(hello.as_bytes()).map_err(failed)?;
        let line = bus.line().map_err(failed)?;
        if !line.starts_with("OK ") {
            return Err(Error::Refused(line));
        }
        Ok(bus)
    }

    /// Calls a method and waits for its answer.
    ///
    /// # Errors
    /// [`Error::Call`] if the answer is no; else that the conversation broke, and it is of no more
    /// use.
    pub fn call(
        &mut self,
        path: &str,
        (interface, member): (&str, &'static str),
        (signature, body): (&str, &Writer),
    ) -> Result<Message, Error> {
        let failed = |source| Error::Io {
            call: member,
            source,
        };
        self.serial += 1;
        let call = Call {
            serial: self.serial,
            path,
            interface,
            member,
            signature,
        };
        self.stream
            .write_all(&encode(&call, body))
            .map_err(failed)?;
        loop {
            let bytes = self.message().map_err(failed)?;
            let malformed = |source| Error::Malformed {
                call: member,
                source,
            };
            let message = decode(&bytes).map_err(malformed)?;
            if message.reply_to != Some(self.serial) {
                continue;
            }
            return match message.kind {
                Kind::Error => Err(Error::Call {
                    call: member,
                    text: message.text().unwrap_or_default().to_owned(),
                    name: message.error.unwrap_or_default(),
                }),
                _ => Ok(message),
            };
        }
    }

    fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut prefix = [0; PREFIX];
        self.stream.read_exact(&mut prefix)?;
        let whole = length(&prefix).map_err(io::Error::other)?;
        let mut bytes = prefix.to_vec();
        bytes.resize(whole, 0);
        self.stream
            .read_exact(bytes.get_mut(PREFIX..).unwrap_or_default())?;
        Ok(bytes)
    }

    /// A line of the authentication. Nothing may be read beyond it, so it is read byte by byte.
    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < LONGEST_LINE && !line.ends_with(b"\r\n") {
            self.stream.read_exact(&mut byte)?;
            line.extend(byte);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}
