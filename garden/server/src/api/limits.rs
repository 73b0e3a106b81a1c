//! Limits as they are in force. Those of bandwidth and disk are always empty, as upstream.

use warren_wire_garden::Error;
use warren_wire_garden::limits::{BandwidthLimits, DiskLimits};

use super::{Api, Call, write};
use crate::http::answer::Answer;

pub(super) fn bandwidth(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let _in_use = api.enter(call)?;
    write(&BandwidthLimits::default())
}

pub(super) fn disk(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let _in_use = api.enter(call)?;
    write(&DiskLimits::default())
}

pub(super) async fn cpu(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    write(
        &api.call_on(call, |gardener, handle| gardener.cpu_limits(handle))
            .await?,
    )
}

pub(super) async fn memory(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    write(
        &api.call_on(call, |gardener, handle| gardener.memory_limits(handle))
            .await?,
    )
}
