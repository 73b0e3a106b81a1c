//! Attach to a process; the connection then carries its control stream.

use warren_wire_garden::Error;
use warren_wire_garden::route::Route;

use super::run::converse;
use super::{Api, Call};
use crate::http::answer::Answer;

pub(super) async fn answer(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let id = call.found.params.get("pid").unwrap_or_default().to_owned();
    let in_use = api.enter(call)?;
    let session = api
        .call_on(call, move |gardener, handle| gardener.attach(handle, &id))
        .await?;
    converse(api, in_use, session, Route::Attach.success())
}
