//! The answer of a name server, as it comes over UDP.
//!
//! What is a reply to the question at all is then sent by a server on loopback, so that the
//! reading of the answer is reached as well. The module is private to its crate, hence the path.
#![no_main]

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;

#[path = "../../firewall/src/dns/query.rs"]
mod query;

const NAME: &str = "a.b";

/// The rest of a reply, after its number.
const NO_SUCH_NAME: &[u8] = b"\x81\x83\0\x01\0\0\0\0\0\0\x01a\x01b\0\0\x01\0\x01";

static REPLY: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Answers every question with the reply, under the question's number.
fn server() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is up");
        let address = socket.local_addr().expect("it is bound");
        std::thread::spawn(move || {
            let mut question = [0u8; 512];
            while let Ok((_, from)) = socket.recv_from(&mut question) {
                let mut reply = REPLY.lock().unwrap_or_else(PoisonError::into_inner).clone();
                reply[..2].copy_from_slice(&question[..2]);
                // A name in it may point at the number, and be another one now.
                let number = u16::from_be_bytes([question[0], question[1]]);
                if query::matching(&reply, number, NAME).is_none() {
                    reply = [&question[..2], NO_SUCH_NAME].concat();
                }
                let _ = socket.send_to(&reply, from);
            }
        });
        address
    })
}

fuzz_target!(|bytes: &[u8]| {
    // A longer datagram is cut to the resolver's buffer.
    let Some(id) = bytes.first_chunk::<2>().filter(|_| bytes.len() <= 4096) else {
        return;
    };
    if query::matching(bytes, u16::from_be_bytes(*id), NAME).is_none() {
        return;
    }
    REPLY
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .splice(.., bytes.iter().copied());
    for kind in [query::Kind::A, query::Kind::Aaaa] {
        let until = Instant::now() + Duration::from_secs(5);
        let answer = query::ask(NAME, kind, server(), until);
        assert!(
            !matches!(answer, Err(query::Error::TimedOut)),
            "a reply was not taken"
        );
    }
});
