//! How long a container may stay without a client.

use warren_wire_garden::Error;
use warren_wire_garden::container::GraceTimeRequest;

use super::{Api, Call, nothing, read};
use crate::http::answer::Answer;
use crate::http::body::Body;

pub(super) async fn answer(
    api: &Api,
    call: &Call<'_>,
    body: &mut Body<'_>,
) -> Result<Answer, Error> {
    let grace_time: GraceTimeRequest = read(body).await?;
    api.call_on(call, move |gardener, handle| {
        gardener.set_grace_time(handle, grace_time)
    })
    .await?;
    nothing()
}
