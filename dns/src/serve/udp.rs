//! Queries in packets.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::Builder;

use super::{STACK, ServeError, Server, Step};
use crate::answer::{Carrier, failure};

/// Longer packets are cut, and so no query.
const LONGEST: usize = 4096;

/// Reads and answers, until the socket cannot be read.
pub(super) fn run(server: &Arc<Server>, socket: &Arc<UdpSocket>) -> Result<(), ServeError> {
    let mut buffer = vec![0; LONGEST];
    loop {
        let (count, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Interrupted | ErrorKind::ConnectionRefused
                ) =>
            {
                continue;
            }
            Err(error) => return Err(ServeError::Receive("UDP", error)),
        };
        let message = &buffer[..count];
        match server.step(message, Carrier::Udp) {
            Step::Silence => {}
            Step::Say(bytes) => say(socket, &bytes, from),
            Step::Ask(question) => {
                let Some(permit) = server.questions.take() else {
                    say(socket, &failure(&question.query), from);
                    continue;
                };
                drop(question);
                let (theirs, socket, message) =
                    (Arc::clone(server), Arc::clone(socket), message.to_vec());
                let thread = Builder::new()
                    .name("question".to_owned())
                    .stack_size(STACK)
                    .spawn(move || {
                        later(&theirs, &socket, &message, from);
                        drop(permit);
                    });
                if let Err(error) = thread {
                    (server.log)(&format!("cannot start a thread for a question: {error}"));
                }
            }
        }
    }
}

/// Looks again, as somebody may have asked the same meanwhile, and asks.
fn later(server: &Server, socket: &UdpSocket, message: &[u8], from: SocketAddr) {
    match server.step(message, Carrier::Udp) {
        Step::Silence => {}
        Step::Say(bytes) => say(socket, &bytes, from),
        Step::Ask(question) => {
            let bytes = server.ask(message, &question, Carrier::Udp);
            say(socket, &bytes, from);
        }
    }
}

fn say(socket: &UdpSocket, bytes: &[u8], to: SocketAddr) {
    // Whoever is gone asks no more; whoever is not asks again.
    let _ = socket.send_to(bytes, to);
}
