//! About several containers, and use of several. They do not count as clients: monitoring must not
//! keep what nobody uses.

use warren_wire_garden::Error;
use warren_wire_garden::route::Query;

use super::{Api, Call, write};
use crate::http::answer::Answer;

pub(super) async fn info(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let query = Query::parse(call.query);
    let told = api
        .call(move |gardener| Ok(gardener.bulk_info(query.handles())))
        .await?;
    write(&told)
}

pub(super) async fn metrics(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let query = Query::parse(call.query);
    let told = api
        .call(move |gardener| Ok(gardener.bulk_metrics(query.handles())))
        .await?;
    write(&told)
}
