//! Handles of containers with the given properties. Never waits: clients ask this before
//! everything else.

use warren_wire_garden::Error;
use warren_wire_garden::container::ListResponse;
use warren_wire_garden::route::Query;

use super::{Api, Call, write};
use crate::http::answer::Answer;

pub(super) fn answer(api: &Api, call: &Call<'_>) -> Result<Answer, Error> {
    let filter = Query::parse(call.query).into_filter();
    write(&ListResponse {
        handles: api.gardener.list(filter),
    })
}
