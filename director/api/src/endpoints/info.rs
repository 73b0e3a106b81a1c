//! `GET /info`: who this is, and who asks. Anybody may.

use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use crate::answer::json;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    uuid: &'a str,
    version: &'a str,
    user: Option<&'a str>,
    cpi: &'a str,
    stemcell_os: &'a str,
    stemcell_version: &'a str,
    user_authentication: Authentication,
    features: Features<'a>,
}

#[derive(Serialize)]
struct Authentication {
    r#type: &'static str,
    options: serde_json::Map<String, Value>,
}

#[derive(Serialize)]
struct Features<'a> {
    local_dns: Feature<Domain<'a>>,
    snapshots: Plain,
    config_server: Feature<Urls<'a>>,
}

#[derive(Serialize)]
struct Feature<T> {
    status: bool,
    extras: T,
}

#[derive(Serialize)]
struct Plain {
    status: bool,
}

#[derive(Serialize)]
struct Domain<'a> {
    domain_name: &'a str,
}

#[derive(Serialize)]
struct Urls<'a> {
    urls: &'a [String],
}

pub(super) fn routes() -> Vec<Route> {
    vec![get("/info", Need::Nobody, info)]
}

async fn info(call: Call) -> Result<Response, Failure> {
    let info = &call.api.info;
    json(&Info {
        name: &info.name,
        uuid: &info.uuid,
        version: &info.version,
        user: (!call.user.is_empty()).then_some(call.user.as_str()),
        cpi: &info.cpi,
        stemcell_os: &info.stemcell_os,
        stemcell_version: &info.stemcell_version,
        user_authentication: Authentication {
            r#type: "basic",
            options: serde_json::Map::new(),
        },
        features: Features {
            local_dns: Feature {
                status: info.features.local_dns.is_some(),
                extras: Domain {
                    domain_name: info.features.local_dns.as_deref().unwrap_or_default(),
                },
            },
            snapshots: Plain {
                status: info.features.snapshots,
            },
            config_server: Feature {
                status: !info.features.config_server.is_empty(),
                extras: Urls {
                    urls: &info.features.config_server,
                },
            },
        },
    })
}
