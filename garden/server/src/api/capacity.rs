//! What the machine offers.

use warren_wire_garden::Error;

use super::{Api, write};
use crate::http::answer::Answer;

pub(super) async fn answer(api: &Api) -> Result<Answer, Error> {
    write(&api.call(|gardener| gardener.capacity()).await?)
}
