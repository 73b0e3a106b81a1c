//! What goes to the shim of one session: input as there is room for it, and what the session has come
//! to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use warren_container_shim::frame::{self, Frame, Stream};

use super::control::MOST_WAITING;
use crate::http::ending::Ending as Hangup;

/// Bytes of input in one frame.
const PIECE: usize = 64 << 10;

/// Input on its way to the shim. What was put goes there even if this value is dropped, as long as
/// the session is open.
pub(super) struct Input {
    frames: mpsc::UnboundedSender<Next>,
    room: Arc<Semaphore>,
    writer: JoinHandle<()>,
    resumes: bool,
    /// What was delivered of both outputs and is still to be told.
    delivered: Arc<[AtomicU64; 2]>,
}

/// What goes to the shim next.
enum Next {
    Frame(Frame),
    /// How much was delivered, as it is when its turn comes: there is one of each stream at a time.
    Delivered(Stream),
}

impl Input {
    pub fn new(mut to_shim: OwnedWriteHalf, resumes: bool) -> Self {
        let (frames, mut waiting) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(MOST_WAITING));
        let freed = Arc::clone(&room);
        let delivered: Arc<[AtomicU64; 2]> = Arc::default();
        let counts = Arc::clone(&delivered);
        let writer = tokio::spawn(async move {
            while let Some(next) = waiting.recv().await {
                let frame = match next {
                    Next::Frame(frame) => frame,
                    Next::Delivered(stream) => Frame::Delivered {
                        stream,
                        bytes: counts[stream as usize].swap(0, Ordering::AcqRel),
                    },
                };
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
            resumes,
            delivered,
        }
    }

    pub fn put(&self, frame: Frame) {
        // Fails only if the writer is gone, which ends with this value.
        let _gone = self.frames.send(Next::Frame(frame));
    }

    /// So many more bytes of an output have got to the client, or nobody wants them.
    pub fn delivered(&self, stream: Stream, bytes: u64) {
        let untold = self.delivered[stream as usize].fetch_add(bytes, Ordering::AcqRel);
        if self.resumes && untold == 0 && bytes > 0 {
            let _gone = self.frames.send(Next::Delivered(stream));
        }
    }

    /// The client has hung up.
    pub fn detach(&self) {
        if self.resumes {
            self.put(Frame::Detach);
        }
    }

    /// Takes bytes, as there is room for them. Once the client has hung up, without regard to it:
    /// what is left then is what its socket held.
    pub async fn bytes(&self, bytes: &[u8], line: &mut Line) {
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

    pub fn end(&self) {
        self.put(Frame::StdinEnd);
    }

    /// Waits until the shim has all of it.
    pub async fn finish(self) {
        drop(self.frames);
        // A writer that broke down has nothing more to write.
        let _done = self.writer.await;
    }
}

/// Whether the client can still say more than what it has sent.
pub(super) struct Line {
    pub hangup: Option<Hangup>,
    pub is_dead: bool,
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
