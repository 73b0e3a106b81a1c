//! One connection: heads and bodies in, answers out.
//!
//! The state machine is in the parent module. Memory of a connection: the head's limit, and what
//! its call asks for of the body.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::RwLock;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use warren_wire_garden::hijack;

use super::answer::{self, Answer, End};
use super::body::Body;
use super::chunked;
use super::head::{Head, MAX_HEAD};

/// Room made for a read at first: most requests are small.
const READ: usize = 16 << 10;
/// And at most, after reads that found more than they had room for.
const LARGE_READ: usize = 256 << 10;
/// How long a closing connection is read from, so that its answer arrives.
const LINGER: Duration = Duration::from_secs(10);

/// Something to talk over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// The socket that carries it, if one does.
    fn socket(&self) -> Option<BorrowedFd<'_>>;
}

impl Stream for UnixStream {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

impl Stream for TcpStream {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(self.as_fd())
    }
}

impl Stream for TlsStream<Io> {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.get_ref().0.socket()
    }
}

#[cfg(test)]
impl Stream for tokio::io::DuplexStream {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A connection's bytes, whatever carries them.
pub type Io = Box<dyn Stream>;

/// A connection that was taken over after the head of its answer.
pub struct Taken {
    /// The connection.
    pub io: Io,
    /// What the client sent behind its request.
    pub received: Vec<u8>,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Between requests.
    pub idle: Duration,
    /// From a head's first byte to its last.
    pub head: Duration,
    /// Between two pieces of a body.
    pub body: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(300),
            head: Duration::from_secs(30),
            body: Duration::from_secs(300),
        }
    }
}

/// Who answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. What it leaves of the body is thrown away.
    fn answer<'a>(
        &'a self,
        head: &'a Head,
        body: &'a mut Body<'_>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}

/// A connection and what was received of it but not used.
pub struct Connection {
    io: Io,
    buffer: Vec<u8>,
    start: usize,
    /// How much is read at once.
    room: usize,
    pub(super) times: Times,
}

enum HeadFailure {
    /// The end, or nothing for long: no answer.
    Gone,
    /// Answered with an error.
    Refused(u16, String),
}

impl Connection {
    /// A connection on which nothing was said.
    #[must_use]
    pub fn new(io: Io, times: Times) -> Self {
        Self {
            io,
            buffer: Vec::new(),
            start: 0,
            room: READ,
            times,
        }
    }

    /// Answers requests until the connection ends. Each is answered while `busy` is held for
    /// reading; who holds it for writing sees no request half answered.
    pub async fn serve(mut self, handler: Arc<impl Handler>, busy: Arc<RwLock<()>>) {
        loop {
            let head = match self.head().await {
                Ok(head) => head,
                Err(HeadFailure::Gone) => return,
                Err(HeadFailure::Refused(status, text)) => {
                    return self.refuse(status, &text).await;
                }
            };
            let framing = match head.framing() {
                Ok(framing) => framing,
                Err(error) => return self.refuse(error.status(), &error.to_string()).await,
            };
            let guard = busy.read().await;
            let mut body = Body::new(&mut self, framing, head.expects_continue());
            let answer = handler.answer(&head, &mut body).await;
            let is_read = body.discard_small().await;
            let closes = !is_read || !head.keeps_alive();
            let sent = match answer {
                Answer::TakeOver { status, then } => {
                    let text = hijack::response_head(status);
                    if self.write(text.as_bytes()).await.is_err() {
                        return;
                    }
                    drop(guard);
                    let received = self.buffer.split_off(self.start);
                    let io = self.io;
                    return then(Taken { io, received }).await;
                }
                answer => self.send(&head, answer, closes).await,
            };
            drop(guard);
            match sent {
                Ok(()) if !closes => {}
                Ok(()) => return self.linger().await,
                Err(_gone) => return,
            }
        }
    }

    async fn refuse(mut self, status: u16, text: &str) {
        let body = format!("{text}\n");
        let end = End::Length(body.len());
        let head = answer::head(status, answer::TEXT, None, end, true);
        if self.write((head + &body).as_bytes()).await.is_ok() {
            self.linger().await;
        }
    }

    async fn head(&mut self) -> Result<Head, HeadFailure> {
        if self.unused().is_empty() {
            match timeout(self.times.idle, self.fill()).await {
                Ok(Ok(1..)) => {}
                _ => return Err(HeadFailure::Gone),
            }
        }
        let limit = self.times.head;
        let read = async {
            loop {
                // Empty lines before a request are to be passed over.
                match Head::parse(self.unused()) {
                    Ok(Some((head, length))) => {
                        self.take(length);
                        return Ok(head);
                    }
                    Ok(None) => {}
                    Err(error) => {
                        return Err(HeadFailure::Refused(error.status(), error.to_string()));
                    }
                }
                debug_assert!(self.unused().len() < MAX_HEAD);
                match self.fill().await {
                    Ok(1..) => {}
                    _ => return Err(HeadFailure::Gone),
                }
            }
        };
        match timeout(limit, read).await {
            Ok(outcome) => outcome,
            Err(_late) => Err(HeadFailure::Refused(408, "request head is late".to_owned())),
        }
    }

    async fn send(&mut self, request: &Head, answer: Answer, closes: bool) -> io::Result<()> {
        match answer {
            Answer::Whole {
                status,
                media,
                header,
                body,
            } => {
                let end = End::Length(body.len());
                let head = answer::head(status, media, header.as_ref(), end, closes);
                let mut bytes = head.into_bytes();
                if request.method != "HEAD" {
                    bytes.extend_from_slice(&body);
                }
                self.write(&bytes).await
            }
            Answer::Stream { media, mut pieces } => {
                let is_chunked = request.minor > 0;
                let end = if is_chunked { End::Chunk } else { End::Close };
                let head = answer::head(200, media, None, end, closes || !is_chunked);
                self.write(head.as_bytes()).await?;
                loop {
                    let Some(piece) = pieces.recv().await else {
                        return Err(io::ErrorKind::BrokenPipe.into());
                    };
                    if piece.is_empty() {
                        break;
                    }
                    if is_chunked {
                        self.io
                            .write_all(chunked::size_line(piece.len()).as_bytes())
                            .await?;
                        self.io.write_all(&piece).await?;
                        self.write(b"\r\n").await?;
                    } else {
                        self.write(&piece).await?;
                    }
                }
                match is_chunked {
                    true => self.write(chunked::END).await,
                    false => Ok(()),
                }
            }
            Answer::TakeOver { .. } => Ok(()),
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// Ends our side, and reads what still comes.
    async fn linger(mut self) {
        let drain = async {
            if self.io.shutdown().await.is_err() {
                return;
            }
            let mut scrap = vec![0; READ];
            while matches!(self.io.read(&mut scrap).await, Ok(1..)) {}
        };
        // Whoever sends for longer finds the connection reset.
        let _late = timeout(LINGER, drain).await;
    }

    pub(super) fn unused(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(super) fn take(&mut self, length: usize) {
        self.start += length;
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.reserve(self.room);
        let room = self.buffer.capacity() - self.buffer.len();
        let read = self.io.read_buf(&mut self.buffer).await?;
        if read == room {
            self.room = (self.room * 2).min(LARGE_READ);
        }
        Ok(read)
    }
}
