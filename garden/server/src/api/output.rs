//! Output of a process. A stream nobody knows is an empty one.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use warren_wire_garden::Error;

use super::{Api, Call};
use crate::http::answer::Answer;
use crate::http::connection::Taken;
use crate::process::attachments::Attachment;
use crate::process::output::send;
use crate::process::queue::Queue;

pub(super) fn stdout(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    fetch(api, call, |attachment| &attachment.stdout)
}

pub(super) fn stderr(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    fetch(api, call, |attachment| &attachment.stderr)
}

fn fetch(
    api: &Api,
    call: &Call<'_>,
    which: impl Fn(&Attachment) -> &Queue + Send + 'static,
) -> Result<Answer, Error> {
    let in_use = api.enter(call)?;
    let param = |name| call.found.params.get(name).unwrap_or_default();
    let attachment: Option<Arc<Attachment>> =
        api.attachments
            .find(&call.handle, param("pid"), param("streamid"));
    Ok(Answer::take_over(200, move |taken: Taken| async move {
        let _in_use = in_use;
        match attachment {
            Some(attachment) => send(taken, which(&attachment)).await,
            None => {
                let mut io = taken.io;
                // Whether the client is still there makes no difference.
                let _gone = io.shutdown().await;
            }
        }
    }))
}
