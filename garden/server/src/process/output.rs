//! One output socket: raw bytes until the end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::queue::Queue;
use crate::http::connection::Taken;
use crate::http::ending::Ending;

/// Sends a queue to its end, or until the client hangs up.
pub async fn send(taken: Taken, queue: &Queue) {
    let ending = Ending::of_all(taken.io.socket());
    let (mut from, mut to) = tokio::io::split(taken.io);
    let mut reader = queue.read();
    // Clients say nothing here; what can be read is their end.
    let gone = async {
        let mut scrap = [0; 256];
        while matches!(from.read(&mut scrap).await, Ok(1..)) {}
        // It may have closed only its own side: then it still takes what comes.
        if let Some(ending) = &ending {
            ending.come().await;
        }
    };
    tokio::pin!(gone);
    loop {
        let next = tokio::select! {
            // What is there is sent as far as it goes.
            biased;
            next = reader.next() => next,
            () = &mut gone => return,
        };
        let Some(piece) = next else { break };
        let mut sent = 0;
        while sent < piece.len() {
            match to.write(&piece[sent..]).await {
                Ok(count @ 1..) => sent += count,
                _ => return reader.settle(piece, sent),
            }
        }
        let flushed = to.flush().await;
        reader.settle(piece, sent);
        if flushed.is_err() {
            return;
        }
    }
    // The client waits for the end; it cannot be told if it is gone.
    let _gone = to.shutdown().await;
}
