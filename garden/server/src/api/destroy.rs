//! Remove a container.

use warren_wire_garden::Error;

use super::{Api, Call, nothing};
use crate::http::answer::Answer;

pub(super) async fn answer(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let handle = call.handle.clone();
    api.call(move |gardener| gardener.destroy(&handle)).await?;
    nothing()
}
