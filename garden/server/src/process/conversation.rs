//! One control socket, from its first line to its last.
//!
//! ```text
//!            exit                     outputs fetched
//! Talking ─────────► Ended, output ─────────────────► last line, closed
//!    │                 is fetched     or no progress
//!    │ client hangs up
//!    ▼
//! Detached: input ended (by the last client), outputs sent on while somebody fetches them
//!    │ nobody does
//!    ▼
//! Feeding: input that was received still goes to the process; nobody uses the container any more
//! ```
//!
//! Whatever happens here, the process is left alone: the shim keeps it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use warren_container_shim::frame::{self, Frame, Stream};
use warren_lib_errchain::chain;
use warren_wire_garden::hijack::{Decoder, ServerMessage};

use super::attachments::{Attachment, Attachments};
use super::control::{self, ControlError, MOST_WAITING, Step};
use super::losses::{Cause, Losses};
use super::queue::Queue;
use crate::http::connection::{Io, Taken};
use crate::http::ending::Ending as Hangup;

/// Bytes of input in one frame.
const PIECE: usize = 64 << 10;
/// Room made for each read from the client.
const READ: usize = 8 << 10;
/// How long an ended process's last line waits for a client that fetches nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the closing control socket is read from, so that the last line arrives.
const LINGER: Duration = Duration::from_secs(10);

/// Sends a signal past all that waits in the session.
pub type Signaller = Arc<dyn Fn(i32) + Send + Sync>;

/// What a conversation needs.
pub struct Conversation {
    /// Its attachment, known to the output sockets.
    pub attachment: Arc<Attachment>,
    /// All attachments.
    pub all: Arc<Attachments>,
    /// The shim's end.
    pub session: UnixStream,
    /// How signals go.
    pub signal: Signaller,
    /// Who is told of output that nobody gets.
    pub losses: Losses,
}

/// How the process, or our knowledge of it, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Exited(i64),
    Failed(String),
}

impl Conversation {
    /// Talks until the process ends, or the client hangs up and nobody fetches. Input that the
    /// process has not read by then goes to it in the background.
    pub async fn hold(self, taken: Taken) {
        let Self {
            attachment,
            all,
            session,
            signal,
            losses,
        } = self;
        let line = Line {
            hangup: Hangup::of_sending(taken.io.socket()),
            is_dead: false,
        };
        let (mut from_client, mut to_client) = tokio::io::split(taken.io);
        let (from_shim, to_shim) = session.into_split();
        let started = ServerMessage::Started {
            process_id: attachment.process_id.clone(),
            stream_id: attachment.stream_id.clone(),
        };
        // A client that is gone already shows below, as its end.
        let _gone = say(&mut to_client, started).await;

        let input = Input::new(to_shim);
        let losses = Arc::new(losses);
        let outputs = pump(from_shim, Arc::clone(&attachment), Arc::clone(&losses));
        let mut outputs = Box::pin(outputs);
        let ending = tokio::select! {
            ending = &mut outputs => Some(ending),
            reason = listen(&mut from_client, &taken.received, line, &input, &signal) => {
                if let Some(error) = reason {
                    let failed = ServerMessage::Failed {
                        process_id: attachment.process_id.clone(),
                        error: chain(&error),
                    };
                    let _gone = say(&mut to_client, failed).await;
                    let _gone = to_client.shutdown().await;
                }
                None
            }
        };
        let was_last = all.close(&attachment);
        let ending = match ending {
            Some(ending) => Some(ending),
            None => {
                if was_last {
                    input.end();
                }
                tokio::select! {
                    ending = &mut outputs => Some(ending),
                    () = unread(&attachment) => None,
                }
            }
        };
        attachment.stdout.end();
        attachment.stderr.end();
        losses.sum_up();
        all.retire(&attachment, losses);
        let Some(ending) = ending else {
            // The shim takes input only from whom it can send output to.
            tokio::spawn(async move {
                tokio::select! {
                    _ended = outputs => {}
                    () = input.finish() => {}
                }
            });
            return;
        };
        for queue in [&attachment.stdout, &attachment.stderr] {
            fetched(queue).await;
        }
        let process_id = attachment.process_id.clone();
        let last = match ending {
            Ending::Exited(status) => ServerMessage::Exited { process_id, status },
            Ending::Failed(error) => ServerMessage::Failed { process_id, error },
        };
        if say(&mut to_client, last).await.is_err() || to_client.shutdown().await.is_err() {
            return;
        }
        // Input that is still coming must not make the kernel reset what was just said.
        let drain = async {
            let mut scrap = vec![0; PIECE];
            while matches!(from_client.read(&mut scrap).await, Ok(1..)) {}
        };
        let _late = timeout(LINGER, drain).await;
    }
}

/// Input on its way to the shim. What was put goes there even if this value is dropped, as long as
/// the session is open.
struct Input {
    frames: mpsc::UnboundedSender<Frame>,
    room: Arc<Semaphore>,
    writer: JoinHandle<()>,
}

impl Input {
    fn new(mut to_shim: OwnedWriteHalf) -> Self {
        let (frames, mut waiting) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(MOST_WAITING));
        let freed = Arc::clone(&room);
        let writer = tokio::spawn(async move {
            while let Some(frame) = waiting.recv().await {
                let mut bytes = Vec::new();
                // Pieces are far below a frame's limit. If the shim is gone, the reading side
                // tells; room is given back all the same, so that nobody waits for it.
                if frame::encode(&frame, &mut bytes).is_ok() {
                    let _gone = to_shim.write_all(&bytes).await;
                }
                if let Frame::Stdin(piece) = frame {
                    freed.add_permits(piece.len());
                }
            }
        });
        Self {
            frames,
            room,
            writer,
        }
    }

    fn put(&self, frame: Frame) {
        // Fails only if the writer is gone, which ends with this value.
        let _gone = self.frames.send(frame);
    }

    /// Takes bytes, as there is room for them. Once the client has hung up, without regard to it:
    /// what is left then is what its socket held.
    async fn bytes(&self, bytes: &[u8], line: &mut Line) {
        for piece in bytes.chunks(PIECE) {
            if !line.is_dead {
                tokio::select! {
                    () = self.make_room(piece.len()) => {}
                    () = line.hung_up() => line.is_dead = true,
                }
            }
            self.put(Frame::Stdin(piece.to_vec()));
        }
    }

    async fn make_room(&self, bytes: usize) {
        let count = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Ok(room) = self.room.acquire_many(count).await {
            room.forget();
        }
    }

    fn end(&self) {
        self.put(Frame::StdinEnd);
    }

    /// Waits until the shim has all of it.
    async fn finish(self) {
        drop(self.frames);
        // A writer that broke down has nothing more to write.
        let _done = self.writer.await;
    }
}

/// Whether the client can still say more than what it has sent.
struct Line {
    hangup: Option<Hangup>,
    is_dead: bool,
}

impl Line {
    /// Comes before what the client sent last has been read, where the socket can be watched.
    async fn hung_up(&self) {
        match &self.hangup {
            Some(hangup) => hangup.come().await,
            None => std::future::pending().await,
        }
    }
}

/// Does what the client says until it hangs up, or cannot be understood. A client that is held back
/// because its process reads nothing can hang up all the same, as `line` tells.
async fn listen(
    from_client: &mut ReadHalf<Io>,
    received: &[u8],
    mut line: Line,
    input: &Input,
    signal: &Signaller,
) -> Option<ControlError> {
    let mut decoder = Decoder::default();
    let mut buffer = received.to_vec();
    loop {
        let mut steps = Vec::new();
        let outcome = control::read(&mut decoder, &buffer, &mut steps);
        for step in steps {
            match step {
                Step::Stdin(bytes) => input.bytes(&bytes, &mut line).await,
                Step::StdinEnd => input.end(),
                Step::Window { columns, rows } => input.put(Frame::Window { columns, rows }),
                Step::Signal(number) => signal(number),
            }
        }
        if let Err(error) = outcome {
            return Some(error);
        }
        buffer.clear();
        buffer.reserve(READ);
        match from_client.read_buf(&mut buffer).await {
            Ok(1..) => {}
            _ => return None,
        }
    }
}

/// Takes what the shim sends until the process has ended.
async fn pump(
    mut from_shim: OwnedReadHalf,
    attachment: Arc<Attachment>,
    losses: Arc<Losses>,
) -> Ending {
    let mut decoder = frame::Decoder::new();
    let mut buffer = Vec::with_capacity(PIECE);
    loop {
        loop {
            match decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(Frame::Output(stream, bytes))) => {
                    let queue = match stream {
                        Stream::Stdout => &attachment.stdout,
                        Stream::Stderr => &attachment.stderr,
                    };
                    losses.add(Cause::Unwanted, queue.push(bytes).await);
                }
                Ok(Some(Frame::Exit(exit))) => return Ending::Exited(exit.code().into()),
                Ok(Some(Frame::Lost { bytes, .. })) => {
                    losses.add(Cause::Late, bytes);
                }
                Ok(Some(_other)) => {}
                Err(error) => return Ending::Failed(chain(&error)),
            }
        }
        buffer.clear();
        match from_shim.read_buf(&mut buffer).await {
            Ok(1..) => decoder.feed(&buffer),
            Ok(0) => return Ending::Failed("the container has ended".to_owned()),
            Err(error) => return Ending::Failed(format!("the container's supervisor: {error}")),
        }
    }
}

/// Waits until nobody fetches either output.
async fn unread(attachment: &Attachment) {
    loop {
        let (stdout, stderr) = (attachment.stdout.changed(), attachment.stderr.changed());
        let is_read = |queue: &Queue| queue.progress().is_read;
        if !is_read(&attachment.stdout) && !is_read(&attachment.stderr) {
            return;
        }
        tokio::select! {
            () = stdout => {}
            () = stderr => {}
        }
    }
}

/// Waits until all of an output was fetched, for as long as somebody goes on fetching it.
async fn fetched(queue: &Queue) {
    loop {
        let changed = queue.changed();
        let progress = queue.progress();
        if progress.waiting == 0 || !progress.is_read {
            return;
        }
        if timeout(PATIENCE, changed).await.is_err() {
            return;
        }
    }
}

async fn say(to: &mut WriteHalf<Io>, message: ServerMessage) -> std::io::Result<()> {
    let mut line = Vec::new();
    let encoded = message.into_payload().encode_to(&mut line);
    encoded.map_err(std::io::Error::other)?;
    to.write_all(&line).await?;
    to.flush().await
}
