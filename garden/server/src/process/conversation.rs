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
//! Whatever happens here, the process is left alone: the shim keeps it. It is told when the client
//! has hung up, and what of the output has got to it: a session that ends without a word was cut off
//! by the end of this server, and what is missing of it is kept for the next one.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::unix::OwnedReadHalf;
use tokio::time::timeout;
use warren_container_shim::frame::{self, Frame, Stream};
use warren_lib_errchain::chain;
use warren_wire_garden::hijack::{Decoder, ServerMessage};

use super::attachments::{Attachment, Attachments};
use super::control::{self, ControlError, Step};
use super::delivery::{Deliveries, Unheld};
use super::input::{Input, Line};
use super::losses::{Cause, Losses};
use super::queue::Queue;
use super::signals::Signaller;
use crate::http::connection::{Io, Taken};
use crate::http::ending::Ending as Hangup;

/// Bytes read at once from the shim.
const PIECE: usize = 64 << 10;
/// Room made for each read from the client.
const READ: usize = 8 << 10;
/// How long an ended process's last line waits for a client that fetches nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the closing control socket is read from, so that the last line arrives.
const LINGER: Duration = Duration::from_secs(10);

/// What a conversation needs.
pub struct Conversation {
    /// Its attachment, known to the output sockets.
    pub attachment: Arc<Attachment>,
    /// All attachments.
    pub all: Arc<Attachments>,
    /// The shim's end.
    pub session: Unheld,
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
        let Ok((session, resumes)) = session.hold() else {
            return;
        };
        let (from_shim, to_shim) = session.into_split();
        let started = ServerMessage::Started {
            process_id: attachment.process_id.clone(),
            stream_id: attachment.stream_id.clone(),
        };
        // A client that is gone already shows below, as its end.
        let _gone = say(&mut to_client, started).await;

        let input = Input::new(to_shim, resumes);
        let mut deliveries = Deliveries::default();
        let tell = |stream, bytes| input.delivered(stream, bytes);
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
            never = deliveries.follow(&attachment, &tell) => match never {},
        };
        if all.is_over() {
            // What looks like the client's end may be ours. The shim keeps things as they are.
            return std::future::pending().await;
        }
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
                    never = deliveries.follow(&attachment, &tell) => match never {},
                }
            }
        };
        attachment.stdout.end();
        attachment.stderr.end();
        losses.sum_up();
        all.retire(&attachment, losses);
        let Some(ending) = ending else {
            input.detach();
            // The shim takes input only from whom it can send output to. It hangs up when it has come
            // to the word for that; one of before knows no such word.
            tokio::spawn(async move {
                tokio::select! {
                    _ended = outputs => {}
                    () = input.finish(), if !resumes => {}
                }
            });
            return;
        };
        let all_fetched = async {
            for queue in [&attachment.stdout, &attachment.stderr] {
                fetched(queue).await;
            }
        };
        tokio::select! {
            () = all_fetched => {}
            never = deliveries.follow(&attachment, &tell) => match never {},
        }
        if all.is_over() {
            return std::future::pending().await;
        }
        input.detach();
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
