//! Queries over connections: each message with its length before it, one after the other.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::{STACK, Server, Step};
use crate::answer::Carrier;
use crate::stream::read;

/// How long a connection may stay without a whole query, and an answer without being read.
const PATIENCE: Duration = Duration::from_secs(10);
/// After an error of the listener: there may be no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes connections for ever.
pub(super) fn run(server: &Arc<Server>, listener: &TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(PAUSE);
            continue;
        };
        // More than there may be: closed, which its other end sees at once.
        let Some(permit) = server.connections.take() else {
            continue;
        };
        let theirs = Arc::clone(server);
        let thread = Builder::new()
            .name("connection".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                // Its end, however it comes about, is nobody's trouble.
                let _ = talk(&theirs, stream);
                drop(permit);
            });
        if let Err(error) = thread {
            (server.log)(&format!("cannot start a thread for a connection: {error}"));
        }
    }
}

fn talk(server: &Server, mut stream: TcpStream) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    loop {
        let end = Instant::now() + PATIENCE;
        let mut length = [0; 2];
        read(&mut stream, &mut length, end)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        read(&mut stream, &mut message, end)?;
        let bytes = match server.step(&message, Carrier::Tcp) {
            Step::Silence => return Ok(()),
            Step::Say(bytes) => bytes,
            Step::Ask(question) => server.ask(&message, &question, Carrier::Tcp),
        };
        let length = u16::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        stream.write_all(&[&length.to_be_bytes(), &bytes[..]].concat())?;
    }
}
