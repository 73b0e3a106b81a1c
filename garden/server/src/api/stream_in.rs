//! Unpack a tar into a container: the body goes there piece by piece.

use tokio::sync::mpsc;
use warren_lib_errchain::chain;
use warren_wire_garden::Error;
use warren_wire_garden::error::text;
use warren_wire_garden::route::Query;

use super::{Api, Call, nothing};
use crate::http::answer::Answer;
use crate::http::body::Body;

/// Pieces on their way.
const AT_ONCE: usize = 4;

pub(super) async fn answer(
    api: &Api,
    call: &Call<'_>,
    body: &mut Body<'_>,
) -> Result<Answer, Error> {
    let query = Query::parse(call.query);
    let (user, destination) = (
        query.get("user").to_owned(),
        query.get("destination").to_owned(),
    );
    let mut stream = api
        .call_on(call, move |gardener, handle| {
            gardener.stream_in(handle, &user, &destination)
        })
        .await?;
    let _in_use = api.enter(call)?;
    let (pieces, mut waiting) = mpsc::channel::<Option<Vec<u8>>>(AT_ONCE);
    let unpacking = super::blocking(move || {
        while let Some(piece) = waiting.blocking_recv() {
            match piece {
                None => return stream.finish(),
                Some(piece) if stream.write(&piece) => {}
                // It has failed, and finishing tells why.
                Some(_) => return stream.finish(),
            }
        }
        // The body broke off: what is there so far stays, but it is not the whole archive.
        drop(stream);
        Ok(())
    });
    let feeding = async {
        loop {
            let piece = body.next().await.map_err(|error| {
                let (words, error) = (text::STREAMING_IN, chain(&error));
                Error::Plain(format!("stream-in: {words}: {error}"))
            })?;
            let is_end = piece.is_none();
            if pieces.send(piece).await.is_err() || is_end {
                // If nobody takes it, unpacking has failed and tells why.
                drop(pieces);
                return Ok(());
            }
        }
    };
    let (unpacked, fed) = tokio::join!(unpacking, feeding);
    fed?;
    unpacked??;
    nothing()
}
