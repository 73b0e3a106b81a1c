//! An encrypted connection that one thread reads while others write.
//!
//! ```text
//! read   socket ──► received ──► session ──► caller      session locked only while it decrypts
//! write  caller ──► session ──► socket                   `sending` held throughout, so that
//!                                                        records keep their order
//! ```
//!
//! Nobody waits for the socket with the session locked: a server that reads nothing more of a
//! process's input holds up who writes it, and not who reads how the process ended. Reading never
//! writes; what the session has to answer, such as to a change of keys, goes before the next data,
//! which is as early as RFC 8446 4.6.3 wants it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// How long the server may take over each step until TLS is agreed on.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ciphertext is taken off the socket in pieces of this size.
const PIECE: usize = 32 * 1024;

/// An encrypted connection; clones are of the same one. Only one of them may be read from.
#[derive(Debug)]
pub(crate) struct Encrypted {
    socket: TcpStream,
    shared: Arc<Shared>,
    /// Ciphertext that the session has not taken: `start..end`.
    received: Box<[u8]>,
    start: usize,
    end: usize,
}

#[derive(Debug)]
struct Shared {
    session: Mutex<ClientConnection>,
    sending: Mutex<()>,
}

impl Encrypted {
    /// Agrees on TLS with the server of that name or address.
    pub(crate) fn agree(
        mut socket: TcpStream,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let mut session = ClientConnection::new(config, name).map_err(invalid)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        socket.set_read_timeout(None)?;
        socket.set_write_timeout(None)?;
        let shared = Shared {
            session: Mutex::new(session),
            sending: Mutex::new(()),
        };
        Ok(Self {
            socket,
            shared: Arc::new(shared),
            received: vec![0; PIECE].into_boxed_slice(),
            start: 0,
            end: 0,
        })
    }

    /// For writing.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            shared: Arc::clone(&self.shared),
            received: Box::default(),
            start: 0,
            end: 0,
        })
    }

    pub(crate) fn hang_up(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Both)
    }

    /// What is decrypted, as far as that goes without the socket; `None`: not a byte.
    fn decrypted(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut session = lock(&self.shared.session);
        loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done.map(Some),
            }
            let mut left = self.received.get(self.start..self.end).unwrap_or_default();
            if left.is_empty() {
                return Ok(None);
            }
            self.start += session.read_tls(&mut left)?;
            session.process_new_packets().map_err(invalid)?;
        }
    }
}

impl Read for Encrypted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(read) = self.decrypted(buffer)? {
                return Ok(read);
            }
            (self.start, self.end) = (0, 0);
            self.end = self.socket.read(&mut self.received)?;
            if self.end == 0 {
                // Whether this may be the end depends on what came before it.
                lock(&self.shared.session).read_tls(&mut io::empty())?;
            }
        }
    }
}

impl Write for Encrypted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let sending = lock(&self.shared.sending);
        let mut encrypted = Vec::new();
        let taken = {
            let mut session = lock(&self.shared.session);
            let taken = session.writer().write(buffer)?;
            while session.wants_write() {
                session.write_tls(&mut encrypted)?;
            }
            taken
        };
        self.socket.write_all(&encrypted)?;
        drop(sending);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A thread that panicked while it held a lock has broken the connection, which the next use of it
/// notices.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
