//! Make a container.

use warren_wire_garden::Error;
use warren_wire_garden::container::{ContainerSpec, CreateResponse};

use super::{Api, read, write};
use crate::http::answer::Answer;
use crate::http::body::Body;

pub(super) async fn answer(api: &Api, body: &mut Body<'_>) -> Result<Answer, Error> {
    let spec: ContainerSpec = read(body).await?;
    let handle = api.call(|gardener| gardener.create(spec)).await?;
    write(&CreateResponse { handle })
}
