//! One control socket, from its first line to its last.
//!
//! ```text
//!            exit                     outputs fetched
//! Talking ─────────► Ended, output ─────────────────► last line, closed
//!    │                 is fetched     or no progress
//!    │ client hangs up
//!    ▼
//! Detached: input ended (by the last client), outputs sent on while somebody fetches them
//! ```
//!
//! Whatever happens here, the process is left alone: the shim keeps it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
use super::queue::Queue;
use crate::http::connection::{Io, Taken};

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
}

/// How the process, or our knowledge of it, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Exited(i64),
    Failed(String),
}

impl Conversation {
    /// Talks until the process ends, or the client hangs up and nobody fetches. Answers how many
    /// bytes of output the shim has dropped because they were not fetched in time.
    pub async fn hold(self, taken: Taken) -> u64 {
        let Self {
            attachment,
            all,
            session,
            signal,
        } = self;
        let (mut from_client, mut to_client) = tokio::io::split(taken.io);
        let (from_shim, to_shim) = session.into_split();
        let started = ServerMessage::Started {
            process_id: attachment.process_id.clone(),
            stream_id: attachment.stream_id.clone(),
        };
        // A client that is gone already shows below, as its end.
        let _gone = say(&mut to_client, started).await;

        let input = Input::new(to_shim);
        let lost = AtomicU64::new(0);
        let outputs = pump(from_shim, &attachment, &lost);
        tokio::pin!(outputs);
        let ending = tokio::select! {
            ending = &mut outputs => Some(ending),
            reason = listen(&mut from_client, &taken.received, &input, &signal) => {
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
                    () = async { unread(&attachment).await; input.drained().await } => None,
                }
            }
        };
        attachment.stdout.end();
        attachment.stderr.end();
        all.retire(&attachment);
        let lost = lost.load(Ordering::Relaxed);
        let Some(ending) = ending else { return lost };
        for queue in [&attachment.stdout, &attachment.stderr] {
            fetched(queue).await;
        }
        let process_id = attachment.process_id.clone();
        let last = match ending {
            Ending::Exited(status) => ServerMessage::Exited { process_id, status },
            Ending::Failed(error) => ServerMessage::Failed { process_id, error },
        };
        if say(&mut to_client, last).await.is_err() || to_client.shutdown().await.is_err() {
            return lost;
        }
        // Input that is still coming must not make the kernel reset what was just said.
        let drain = async {
            let mut scrap = vec![0; PIECE];
            while matches!(from_client.read(&mut scrap).await, Ok(1..)) {}
        };
        let _late = timeout(LINGER, drain).await;
        lost
    }
}

/// Input on its way to the shim.
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

    async fn bytes(&self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            let count = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            if let Ok(room) = self.room.acquire_many(count).await {
                room.forget();
            }
            self.put(Frame::Stdin(piece.to_vec()));
        }
    }

    fn end(&self) {
        self.put(Frame::StdinEnd);
    }

    /// Waits until nothing waits.
    async fn drained(&self) {
        let all = u32::try_from(MOST_WAITING).unwrap_or(u32::MAX);
        let _room = self.room.acquire_many(all).await;
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.writer.abort();
    }
}

/// Does what the client says until it hangs up, or cannot be understood.
async fn listen(
    from_client: &mut ReadHalf<Io>,
    received: &[u8],
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
                Step::Stdin(bytes) => input.bytes(&bytes).await,
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
async fn pump(mut from_shim: OwnedReadHalf, attachment: &Attachment, lost: &AtomicU64) -> Ending {
    let mut decoder = frame::Decoder::new();
    let mut buffer = Vec::with_capacity(PIECE);
    loop {
        loop {
            match decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(Frame::Output(Stream::Stdout, bytes))) => {
                    attachment.stdout.push(bytes).await;
                }
                Ok(Some(Frame::Output(Stream::Stderr, bytes))) => {
                    attachment.stderr.push(bytes).await;
                }
                Ok(Some(Frame::Exit(exit))) => return Ending::Exited(exit.code().into()),
                Ok(Some(Frame::Lost { bytes, .. })) => {
                    lost.fetch_add(bytes, Ordering::Relaxed);
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
