//! Map a port into a container. The path's handle counts, not the body's.

use warren_wire_garden::Error;
use warren_wire_garden::network::{NetIn, NetInRequest};

use super::{Api, Call, read, write};
use crate::http::answer::Answer;
use crate::http::body::Body;

pub(super) async fn answer(
    api: &Api,
    call: &Call<'_>,
    body: &mut Body<'_>,
) -> Result<Answer, Error> {
    let request: NetInRequest = read(body).await?;
    let wanted = NetIn {
        host_port: request.host_port,
        container_port: request.container_port,
        protocol: request.protocol,
    };
    let made = api
        .call_on(call, move |gardener, handle| {
            gardener.net_in(handle, wanted)
        })
        .await?;
    write(&made)
}
