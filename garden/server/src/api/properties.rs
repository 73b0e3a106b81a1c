//! Properties: all, one, set, remove.

use warren_wire_garden::Error;
use warren_wire_garden::container::PropertyValue;

use super::{Api, Call, nothing, read, write};
use crate::http::answer::Answer;
use crate::http::body::Body;

fn key(call: &Call<'_>) -> String {
    call.found.params.get("key").unwrap_or_default().to_owned()
}

pub(super) async fn all(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    write(
        &api.call_on(call, |gardener, handle| gardener.properties(handle))
            .await?,
    )
}

pub(super) async fn get(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let key = key(call);
    let value = api
        .call_on(call, move |gardener, handle| {
            gardener.property(handle, &key)
        })
        .await?;
    write(&PropertyValue { value })
}

pub(super) async fn set(api: &Api, call: &Call<'_>, body: &mut Body<'_>) -> Result<Answer, Error> {
    let PropertyValue { value } = read(body).await?;
    let key = key(call);
    api.call_on(call, move |gardener, handle| {
        gardener.set_property(handle, &key, value)
    })
    .await?;
    nothing()
}

pub(super) async fn remove(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let key = key(call);
    api.call_on(call, move |gardener, handle| {
        gardener.remove_property(handle, &key)
    })
    .await?;
    nothing()
}
