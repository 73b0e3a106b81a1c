//! Bodies of requests, read as they are asked for.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use super::chunked::{self, ChunkError, Piece};
use super::connection::Connection;
use super::head::Framing;

/// Most bytes of a body nobody read that are thrown away to keep the connection.
const SMALL: u64 = 64 << 10;
/// How long such a rest may take to come.
const SOON: Duration = Duration::from_secs(1);

/// A body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection ended or failed.
    #[error("the connection broke off inside the request's body")]
    Broken(#[source] io::Error),
    /// Nothing came for too long.
    #[error("nothing came of the request's body for too long")]
    Late,
    /// Its chunks make no sense.
    #[error("the request's body is not chunked as it should be")]
    Chunk(#[from] ChunkError),
    /// It is larger than the call takes.
    #[error("the request's body is larger than {limit} bytes")]
    TooLarge {
        /// What the call takes.
        limit: usize,
    },
}

/// A request's body, read as it is asked for.
pub struct Body<'c> {
    connection: &'c mut Connection,
    left: Left,
    /// The client waits for `100 Continue`.
    awaits_continue: bool,
}

#[derive(Debug)]
enum Left {
    Length(u64),
    Chunked(chunked::Decoder),
    /// All read, or broken.
    Nothing,
}

impl<'c> Body<'c> {
    pub(super) fn new(
        connection: &'c mut Connection,
        framing: Framing,
        awaits_continue: bool,
    ) -> Self {
        Self {
            connection,
            left: match framing {
                Framing::Length(0) => Left::Nothing,
                Framing::Length(length) => Left::Length(length),
                Framing::Chunked => Left::Chunked(chunked::Decoder::default()),
            },
            awaits_continue,
        }
    }

    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// [`BodyError`]; the rest cannot be had.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, BodyError> {
        let outcome = self.piece().await;
        if !matches!(outcome, Ok(Some(_))) {
            // What is left on a broken connection is not a next request.
            self.left = match outcome {
                Ok(_) => Left::Nothing,
                Err(_) => Left::Length(u64::MAX),
            };
        }
        outcome
    }

    /// All of it.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn whole(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            if bytes.len() + piece.len() > limit {
                return Err(BodyError::TooLarge { limit });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn piece(&mut self) -> Result<Option<Vec<u8>>, BodyError> {
        if matches!(self.left, Left::Nothing) {
            return Ok(None);
        }
        if std::mem::take(&mut self.awaits_continue) && self.connection.unused().is_empty() {
            let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
            self.connection
                .write(go_on)
                .await
                .map_err(BodyError::Broken)?;
        }
        loop {
            if let Some(found) = self.buffered()? {
                return Ok((!found.is_empty()).then_some(found));
            }
            let limit = self.connection.times.body;
            match timeout(limit, self.connection.fill()).await {
                Err(_late) => return Err(BodyError::Late),
                Ok(Err(error)) => return Err(BodyError::Broken(error)),
                Ok(Ok(0)) => {
                    return Err(BodyError::Broken(io::ErrorKind::UnexpectedEof.into()));
                }
                Ok(Ok(_)) => {}
            }
        }
    }

    /// What was received already: bytes of the body, an empty piece at its end, or nothing.
    fn buffered(&mut self) -> Result<Option<Vec<u8>>, BodyError> {
        let unused = self.connection.unused();
        match &mut self.left {
            Left::Nothing | Left::Length(0) => Ok(Some(Vec::new())),
            Left::Length(left) => {
                if unused.is_empty() {
                    return Ok(None);
                }
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let found = unused[..most.min(unused.len())].to_vec();
                *left -= found.len() as u64;
                self.connection.take(found.len());
                Ok(Some(found))
            }
            Left::Chunked(decoder) => {
                let mut input = unused;
                let found = match decoder.next(&mut input)? {
                    Piece::Data(data) => Some(data.to_vec()),
                    Piece::End => Some(Vec::new()),
                    Piece::More => None,
                };
                let used = unused.len() - input.len();
                self.connection.take(used);
                Ok(found)
            }
        }
    }

    /// Reads a small rest; whether the body is now read.
    pub(super) async fn discard_small(mut self) -> bool {
        if matches!(self.left, Left::Nothing | Left::Length(0)) {
            return true;
        }
        if self.awaits_continue || matches!(self.left, Left::Length(length) if length > SMALL) {
            return false;
        }
        let mut discarded = 0;
        while discarded <= SMALL {
            match timeout(SOON, self.next()).await {
                Ok(Ok(None)) => return true,
                Ok(Ok(Some(piece))) => discarded += piece.len() as u64,
                _ => return false,
            }
        }
        false
    }
}
