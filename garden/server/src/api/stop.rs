//! End a container's processes.

use warren_wire_garden::Error;
use warren_wire_garden::container::StopRequest;

use super::{Api, Call, nothing, read};
use crate::http::answer::Answer;
use crate::http::body::Body;

pub(super) async fn answer(
    api: &Api,
    call: &Call<'_>,
    body: &mut Body<'_>,
) -> Result<Answer, Error> {
    let StopRequest { kill } = read(body).await?;
    api.call_on(call, move |gardener, handle| gardener.stop(handle, kill))
        .await?;
    nothing()
}
