//! Decompression and digests on a thread of their own.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::compression::{Compression, Decoder, sniff};
use super::digest::{Digest, Hasher};

/// Bytes handed over at once, and how many such pieces may wait.
const PIECE: usize = 256 * 1024;
const WAITING: usize = 8;

/// What was seen of the whole stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    pub compression: Compression,
    pub blob: Digest,
    pub blob_size: u64,
    pub diff_id: Digest,
}

/// The uncompressed bytes, as they come. The stream ends early where its receiver is dropped.
pub(super) struct Stream {
    pieces: Receiver<std::io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    taken: usize,
}

/// Starts to decompress `blob`. The thread's result tells the digests once the stream has been
/// read to its end.
pub(super) fn start<'scope, R: Read + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    blob: R,
) -> (Stream, ScopedJoinHandle<'scope, Option<Sums>>) {
    let (sender, pieces) = sync_channel(WAITING);
    let worker = scope.spawn(move || produce(blob, &sender));
    let stream = Stream {
        pieces,
        piece: Vec::new(),
        taken: 0,
    };
    (stream, worker)
}

/// `None` where the stream failed or nobody wants it any more.
fn produce<R: Read>(blob: R, to: &SyncSender<std::io::Result<Vec<u8>>>) -> Option<Sums> {
    let hand_over = |piece| to.send(piece).ok();
    let (compression, whole) = match sniff(blob) {
        Ok(sniffed) => sniffed,
        Err(error) => {
            hand_over(Err(error))?;
            return None;
        }
    };
    let mut compressed = Hasher::new(whole);
    let mut plain = Hasher::new(Decoder::new(compression, &mut compressed));
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match plain.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => break,
            Ok(_) => hand_over(Ok(piece))?,
            Err(error) => {
                hand_over(Err(error))?;
                return None;
            }
        }
    }
    let (diff_id, _) = plain.sum();
    drop(plain);
    // The decoder may have stopped before the end.
    if let Err(error) = std::io::copy(&mut compressed, &mut std::io::sink()) {
        hand_over(Err(error))?;
        return None;
    }
    let (blob, blob_size) = compressed.sum();
    Some(Sums {
        compression,
        blob,
        blob_size,
        diff_id,
    })
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.taken == self.piece.len() {
            match self.pieces.recv() {
                Ok(piece) => {
                    self.piece = piece?;
                    self.taken = 0;
                }
                // The other side is done.
                Err(_) => return Ok(0),
            }
        }
        let rest = self.piece.get(self.taken..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.taken += length;
        Ok(length)
    }
}
