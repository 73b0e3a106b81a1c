//! About one container.

use warren_wire_garden::Error;

use super::{Api, Call, write};
use crate::http::answer::Answer;

pub(super) async fn answer(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    write(
        &api.call_on(call, |gardener, handle| gardener.info(handle))
            .await?,
    )
}
