//! Is the server well?

use warren_wire_garden::Error;

use super::{Api, nothing};
use crate::http::answer::Answer;

pub(super) async fn answer(api: &Api) -> Result<Answer, Error> {
    api.call(|gardener| gardener.ping()).await?;
    nothing()
}
