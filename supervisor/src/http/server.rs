//! Sockets: a thread that accepts, and one for each connection, of which there are few at a time.
//!
//! A connection has ten seconds for all of its request and as long for the answer, one request, and
//! bounded sizes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::auth::access;
use super::head::{BadHead, LONGEST_HEAD, Request, end_of_head};
use super::route::{Answer, answer, reason};
use crate::error::Error;
use crate::handle::Handle;
use crate::log::Log;
use crate::monitrc::model::Allow;

/// How long a request, or an answer, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long answers may take when the server ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Connections at a time.
const MOST: usize = 64;

/// The listening server; stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    common: Arc<Common>,
}

struct Common {
    handle: Handle,
    allow: Vec<Allow>,
    busy: AtomicUsize,
    log: Log,
}

impl Server {
    /// Takes the address.
    pub fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
        let failed = |error| Error::Listen(address, error);
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok((listener, address))
    }

    /// Answers from now on.
    pub fn start(
        listener: TcpListener,
        address: SocketAddr,
        allow: Vec<Allow>,
        handle: Handle,
        log: Log,
    ) -> io::Result<Server> {
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        let common = Arc::new(Common {
            handle,
            allow,
            busy: AtomicUsize::new(0),
            log,
        });
        let shared = Arc::clone(&common);
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || accept(&listener, &stopped, &shared))?;
        Ok(Server {
            common,
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Whoever had us stopped wants to hear that.
        let until = Instant::now() + LAST_WORDS;
        while self.common.busy.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn accept(listener: &TcpListener, stopped: &OwnedFd, common: &Arc<Common>) {
    loop {
        let mut fds = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(stopped, PollFlags::IN),
        ];
        let _ = poll(&mut fds, None);
        if !fds[1].revents().is_empty() {
            return;
        }
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => {
                // No descriptors left, or a client that is gone already.
                common
                    .log
                    .error(&format!("cannot accept a connection: {error}"));
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        if common.busy.fetch_add(1, Ordering::SeqCst) >= MOST {
            common.busy.fetch_sub(1, Ordering::SeqCst);
            drop(stream);
            continue;
        }
        let mine = Arc::clone(common);
        let spawned = std::thread::Builder::new()
            .name("http client".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                // A client that goes away is no concern of ours.
                let _ = serve(&mine, stream, client);
                mine.busy.fetch_sub(1, Ordering::SeqCst);
            });
        if spawned.is_err() {
            common.busy.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn serve(common: &Common, mut stream: TcpStream, client: SocketAddr) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let (answer, head_only) = match read(&mut stream)? {
        Ok(request) => {
            let access = access(&common.allow, client.ip(), request.authorization.as_deref());
            let head_only = request.method == "HEAD";
            (answer(&common.handle, &request, access), head_only)
        }
        Err((status, text)) => (Answer::message(status, &text), false),
    };
    let mut text = format!(
        "HTTP/1.0 {} {}\r\nDate: {}\r\nServer: monit {}\r\nContent-Type: {}\r\nContent-Length: \
         {}\r\nConnection: close\r\n",
        answer.status,
        reason(answer.status),
        crate::date::mail(crate::teller::now(), "GMT"),
        super::xml::VERSION,
        answer.kind,
        answer.body.len(),
    );
    if answer.status == 401 {
        text.push_str("WWW-Authenticate: Basic realm=\"monit\"\r\n");
    }
    text.push_str("\r\n");
    if !head_only {
        text.push_str(&answer.body);
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(text.as_bytes())?;
    // What the client still sends is read, so that closing does not tear the answer away.
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut rest = [0; 4096];
    for _ in 0..32 {
        if stream.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}

type Understood = Result<Request, (u16, String)>;

/// Reads a request; the outer error is that there is nobody to answer.
fn read(stream: &mut TcpStream) -> io::Result<Understood> {
    let until = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if let Some(found) = end_of_head(&bytes) {
            break found;
        }
        if bytes.len() > LONGEST_HEAD {
            return Ok(Err((431, "The head of the request is too long".to_owned())));
        }
        match more(stream, &mut bytes, until)? {
            Some(0) if bytes.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(0) => return Ok(Err((400, "The request ends early".to_owned()))),
            Some(_) => {}
            None => return Ok(Err((408, "The request took too long".to_owned()))),
        }
    };
    let mut request = match Request::parse(&bytes[..head]) {
        Ok(request) => request,
        Err(BadHead::Body) => return Ok(Err((413, BadHead::Body.to_string()))),
        Err(error) => return Ok(Err((400, error.to_string()))),
    };
    while bytes.len() < body + request.length {
        match more(stream, &mut bytes, until)? {
            Some(0) => return Ok(Err((400, "The request ends early".to_owned()))),
            Some(_) => {}
            None => return Ok(Err((408, "The request took too long".to_owned()))),
        }
    }
    let body = &bytes[body..body + request.length];
    if request.method == "POST" {
        request.take_body(body);
    }
    Ok(Ok(request))
}

/// How many bytes have come; none if there is no time left.
fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>, until: Instant) -> io::Result<Option<usize>> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Ok(None);
    }
    stream.set_read_timeout(Some(left))?;
    let mut chunk = [0; 4096];
    match stream.read(&mut chunk) {
        Ok(len) => {
            bytes.extend_from_slice(&chunk[..len]);
            Ok(Some(len))
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
