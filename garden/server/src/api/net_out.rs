//! Allow traffic out of a container.

use warren_wire_garden::Error;
use warren_wire_garden::network::NetOutRule;

use super::{Api, Call, nothing, read};
use crate::http::answer::Answer;
use crate::http::body::Body;

pub(super) async fn one(api: &Api, call: &Call<'_>, body: &mut Body<'_>) -> Result<Answer, Error> {
    let rule: NetOutRule = read(body).await?;
    allow(api, call, vec![rule]).await
}

pub(super) async fn several(
    api: &Api,
    call: &Call<'_>,
    body: &mut Body<'_>,
) -> Result<Answer, Error> {
    let rules: Vec<NetOutRule> = read(body).await?;
    allow(api, call, rules).await
}

async fn allow(api: &Api, call: &Call<'_>, rules: Vec<NetOutRule>) -> Result<Answer, Error> {
    api.call_on(call, move |gardener, handle| {
        gardener.net_out(handle, &rules)
    })
    .await?;
    nothing()
}
