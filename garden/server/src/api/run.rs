//! Start a process; the connection then carries its control stream.

use std::sync::Arc;

use warren_container_shim::Session;
use warren_wire_garden::Error;
use warren_wire_garden::process::ProcessSpec;
use warren_wire_garden::route::Route;

use super::{Api, Call, read};
use crate::gardener::InUse;
use crate::http::answer::Answer;
use crate::http::body::Body;
use crate::process::conversation::Conversation;
use crate::process::delivery::Unheld;
use crate::process::losses::{Cause, Losses};
use crate::process::signals;

pub(super) async fn answer(
    api: &Api,
    call: &Call<'_>,
    body: &mut Body<'_>,
) -> Result<Answer, Error> {
    let spec: ProcessSpec = read(body).await?;
    let in_use = api.enter(call)?;
    let session = api
        .call_on(call, |gardener, handle| gardener.run(handle, spec))
        .await?;
    converse(api, in_use, session, Route::Run.success())
}

/// Takes the connection over for a session; the container is in use as long as it lasts.
pub(super) fn converse(
    api: &Api,
    in_use: InUse,
    session: Session,
    status: u16,
) -> Result<Answer, Error> {
    let id = session.id.clone();
    let session = Unheld::new(session)
        .map_err(|error| Error::Plain(format!("use the process's socket: {error}")))?;
    let handle = in_use.container.handle.clone();
    let attachment = api.attachments.add(&handle, &id);
    let gardener = Arc::clone(&api.gardener);
    let signal = signals::in_order(move |number| {
        if let Err(error) = gardener.signal(&handle, &id, number) {
            let text = error.to_string();
            let values = [("handle", handle.as_str()), ("error", text.as_str())];
            gardener.log().error("signal not sent", &values);
        }
    });
    let log = api.gardener.log().clone();
    let of = Arc::clone(&attachment);
    let losses = Losses::new(Box::new(move |cause, bytes| {
        let message = match cause {
            Cause::Late => "output was dropped: its client did not fetch it in time",
            Cause::Unwanted => "output was dropped: nobody fetched it",
        };
        let bytes = bytes.to_string();
        let values = [
            ("handle", of.handle.as_str()),
            ("process", &of.process_id),
            ("bytes", &bytes),
        ];
        log.error(message, &values);
    }));
    let conversation = Conversation {
        attachment,
        all: Arc::clone(&api.attachments),
        session,
        signal,
        losses,
    };
    Ok(Answer::take_over(status, move |taken| async move {
        let _in_use = in_use;
        conversation.hold(taken).await;
    }))
}
