//! Pack a path of a container as tar. What fails before the first byte is an error; what fails later
//! ends the connection early, so that no client takes a part for the whole.

use tokio::sync::mpsc;
use warren_wire_garden::Error;
use warren_wire_garden::route::Query;

use super::{Api, Call};
use crate::http::answer::Answer;

/// Pieces on their way.
const AT_ONCE: usize = 4;

pub(super) async fn answer(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let query = Query::parse(call.query);
    let (user, source) = (query.get("user").to_owned(), query.get("source").to_owned());
    let in_use = api.enter(call)?;
    let (mut stream, first) = api
        .call_on(call, move |gardener, handle| {
            let mut stream = gardener.stream_out(handle, &user, &source)?;
            let first = stream.piece()?;
            Ok((stream, first))
        })
        .await?;
    let (sender, pieces) = mpsc::channel(AT_ONCE);
    let (log, handle) = (api.gardener.log().clone(), call.handle.clone());
    tokio::task::spawn_blocking(move || {
        let _in_use = in_use;
        let mut piece = first;
        loop {
            let is_end = piece.is_empty();
            // An empty piece is the end; a client that is gone takes none.
            if sender.blocking_send(piece).is_err() || is_end {
                return;
            }
            piece = match stream.piece() {
                Ok(piece) => piece,
                Err(error) => {
                    let text = error.to_string();
                    log.error(
                        "stream-out failed",
                        &[("handle", &handle), ("error", &text)],
                    );
                    return;
                }
            };
        }
    });
    Ok(Answer::Stream {
        media: "application/x-tar",
        pieces,
    })
}
