//! `GET /director/certificate_expiry`: the director's own certificates; 404 where nobody looks after
//! them, which the client takes for "not supported".

use axum::response::Response;
use serde::Serialize;
use warren_director_store::now;

use crate::answer::json;
use crate::call::Call;
use crate::clock;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![get("/director/certificate_expiry", Need::Read, list)]
}

#[derive(Serialize)]
struct Shown<'a> {
    certificate_path: &'a str,
    expiry: String,
    days_left: i64,
}

async fn list(call: Call) -> Result<Response, Failure> {
    if call.api.certificates.is_empty() {
        return Err(Failure::NoEndpoint(
            "/director/certificate_expiry".to_owned(),
        ));
    }
    let shown: Vec<Shown<'_>> = call
        .api
        .certificates
        .iter()
        .map(|certificate| Shown {
            certificate_path: &certificate.path,
            expiry: clock::rfc3339(certificate.expiry),
            days_left: (certificate.expiry - now()).div_euclid(86_400),
        })
        .collect();
    json(&shown)
}
