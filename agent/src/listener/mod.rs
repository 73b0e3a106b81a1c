//! The https listener of create-env: the same requests as over NATS, and blobs.
//!
//! ```text
//! POST /agent           a request ─► 200 its response, 500 if it is none
//! GET, PUT /blobs/ID    data/blobs/ID ─► 200, 404; 201
//! ```
//!
//! Everything needs the user and the password of the settings' URL: 401 without. Each connection has
//! a thread and carries one request; requests are answered at the same time as others. The
//! certificate is that of the settings in force when a connection comes, so a new one needs no
//! restart. There are no heartbeats and no alerts: nobody would take them.

mod blobs;
pub mod body;
pub mod head;

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use warren_lib_errchain::chain;
use warren_lib_nats::url::ServerUrl;
use warren_wire_agent::envelope::{Request, Response};
use warren_wire_agent::settings::CertKeyPair;

use crate::agent::Agent;
use crate::dispatch::Dispatcher;
use crate::say;
use body::Body;
use head::Head;

/// How many connections are served at once.
const CONNECTIONS: usize = 32;
/// How long either side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest request of an action; templates come in them.
const LONGEST: u64 = 128 << 20;

/// The listener cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// Not a place to listen on.
    #[error("the settings' https mbus cannot be used: {0}")]
    Url(String),
    /// Without credentials anybody could ask.
    #[error("the settings' https mbus names no user and password")]
    User,
    /// The place.
    #[error("cannot listen on {0}")]
    Bind(String, #[source] io::Error),
    /// The certificate.
    #[error("the certificate of the settings' https mbus cannot be used: {0}")]
    Certificate(String),
    /// No thread.
    #[error("cannot start a thread for the https mbus")]
    Thread(#[source] io::Error),
}

/// A listener; it ends when dropped.
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    ended: Arc<AtomicBool>,
}

struct Shared {
    agent: Arc<Agent>,
    dispatcher: Dispatcher,
    user: (String, String),
}

impl Listener {
    /// Listens where the URL says, for whoever knows its user and password.
    ///
    /// # Errors
    /// [`ListenerError`].
    pub fn start(
        agent: &Arc<Agent>,
        dispatcher: Dispatcher,
        url: &str,
    ) -> Result<Self, ListenerError> {
        // Its parts are those of any server's URL.
        let plain = url.replacen("https://", "tls://", 1);
        let url =
            ServerUrl::parse(&plain).map_err(|error| ListenerError::Url(error.to_string()))?;
        let user = url.user.clone().ok_or(ListenerError::User)?;
        if user.1.is_empty() {
            return Err(ListenerError::User);
        }
        config(&agent.settings.mbus().cert)?;
        let failed = |error| ListenerError::Bind(url.to_string(), error);
        let place = (&*url.host, url.port).to_socket_addrs().map_err(failed)?;
        let listener = TcpListener::bind(place.as_slice()).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let ended = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            agent: Arc::clone(agent),
            dispatcher,
            user,
        });
        let theirs = Arc::clone(&ended);
        std::thread::Builder::new()
            .name("https".to_owned())
            .spawn(move || accept(&shared, &listener, &theirs))
            .map_err(ListenerError::Thread)?;
        say!("https", "listening on {address}");
        Ok(Self { address, ended })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // It looks when somebody comes.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// The answer to a request, once there is one; none if it is none.
pub fn answer(dispatcher: &Dispatcher, payload: &[u8]) -> Option<Response> {
    let request = Request::decode(payload).ok()?;
    let (answer, answered) = std::sync::mpsc::channel();
    let respond = Box::new(move |response| {
        // Nobody waits any more.
        let _ = answer.send(response);
    });
    dispatcher.dispatch(request, payload, respond);
    answered.recv().ok()
}

fn config(pair: &CertKeyPair) -> Result<Arc<ServerConfig>, ListenerError> {
    let failed = |error: &dyn std::error::Error| ListenerError::Certificate(chain(error));
    let certificates = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_slice(pair.private_key.0.as_bytes())
        .map_err(|error| failed(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| failed(&error))?;
    Ok(Arc::new(config))
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener, ended: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if ended.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else {
            // There may be no descriptors left.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if open.load(Ordering::Relaxed) >= CONNECTIONS {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (theirs, count) = (Arc::clone(shared), Arc::clone(&open));
        let thread = std::thread::Builder::new()
            .name("https".to_owned())
            .spawn(move || {
                if let Err(error) = serve(&theirs, stream) {
                    say!("https", "a connection broke off: {error}");
                }
                count.fetch_sub(1, Ordering::Relaxed);
            });
        if thread.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn serve(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let config = config(&shared.agent.settings.mbus().cert).map_err(io::Error::other)?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let Some(head) = Head::read(&mut reader)? else {
        return say_plainly(reader.get_mut(), 400);
    };
    if !head.is_from(&shared.user.0, &shared.user.1) {
        return say_plainly(reader.get_mut(), 401);
    }
    if head.expects_continue {
        reader
            .get_mut()
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        reader.get_mut().flush()?;
    }
    let length = head.length;
    let blob = head.path.strip_prefix("/blobs/");
    match (&*head.method, &*head.path, blob) {
        ("POST", "/agent", _) => {
            let mut payload = Vec::new();
            Body::new(&mut reader, length)
                .take(LONGEST)
                .read_to_end(&mut payload)?;
            let response = answer(&shared.dispatcher, &payload);
            let encoded = response.and_then(|response| response.encode(usize::MAX).ok());
            match encoded {
                Some(bytes) => say_all(reader.get_mut(), 200, &bytes),
                None => say_plainly(reader.get_mut(), 500),
            }
        }
        ("PUT", _, Some(id)) => {
            let stored = blobs::put(&shared.agent, id, &mut Body::new(&mut reader, length));
            say_plainly(reader.get_mut(), stored)
        }
        ("GET", _, Some(id)) => match blobs::open(&shared.agent, id) {
            Ok((mut file, length)) => {
                let out = reader.get_mut();
                out.write_all(start(200, length).as_bytes())?;
                io::copy(&mut (&mut file).take(length), out)?;
                finish(out)
            }
            Err(status) => say_plainly(reader.get_mut(), status),
        },
        _ => say_plainly(reader.get_mut(), 404),
    }
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

fn start(status: u16, length: u64) -> String {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        _ => "Internal Server Error",
    };
    let ask = match status {
        401 => "WWW-Authenticate: Basic realm=\"agent\"\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\n{ask}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

fn say_all(stream: &mut Stream, status: u16, body: &[u8]) -> io::Result<()> {
    stream.write_all(start(status, body.len() as u64).as_bytes())?;
    stream.write_all(body)?;
    finish(stream)
}

fn say_plainly(stream: &mut Stream, status: u16) -> io::Result<()> {
    say_all(stream, status, b"")
}

/// An end that is no accident.
fn finish(stream: &mut Stream) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.flush()
}
