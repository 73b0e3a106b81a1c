//! Stemcells: which there are, whether one is wanted, deleting.

use axum::response::Response;
use serde::{Deserialize, Serialize};
use warren_director_store::deployments::{self, Reference, Uses};
use warren_director_store::stemcells::{self, Stemcell};
use warren_director_store::work::Work;
use warren_wire_manifest::cpi_config;

use crate::answer::json;
use crate::call::Call;
use crate::enqueue::enqueue_alone;
use crate::failure::Failure;
use crate::route::{Route, Takes, delete, get, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/stemcells", Need::List, list),
        post(
            "/stemcell_uploads",
            Need::Scope("bosh.stemcells.upload"),
            is_needed,
        )
        .takes(Takes::Json),
        delete("/stemcells/:name/:version", Need::Admin, remove),
    ]
}

/// A stemcell on a CPI as the wire has it.
#[derive(Serialize)]
pub(super) struct Listed {
    name: String,
    operating_system: String,
    version: String,
    cid: String,
    cpi: String,
    deployments: Vec<Named>,
    api_version: Option<i64>,
    id: i64,
}

#[derive(Serialize)]
struct Named {
    name: String,
}

/// A row with the deployments that use it.
pub(super) fn listed(stemcell: Stemcell, uses: &[Uses]) -> Listed {
    Listed {
        deployments: uses
            .iter()
            .filter(|one| one.id == stemcell.id)
            .map(|one| Named {
                name: one.deployment.clone(),
            })
            .collect(),
        name: stemcell.name,
        operating_system: stemcell.operating_system,
        version: stemcell.version,
        cid: stemcell.cid,
        cpi: stemcell.cpi,
        api_version: stemcell.api_version,
        id: stemcell.id,
    }
}

async fn list(call: Call) -> Result<Response, Failure> {
    let pool = call.api.store.pool();
    let uses = deployments::uses(pool, Reference::Stemcell).await?;
    let all = stemcells::list(pool).await?;
    json(
        &all.into_iter()
            .map(|one| listed(one, &uses))
            .collect::<Vec<_>>(),
    )
}

#[derive(Deserialize)]
struct Body {
    stemcell: Option<Which>,
}

#[derive(Deserialize)]
struct Which {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Serialize)]
struct Needed {
    needed: bool,
}

/// True unless the stemcell was offered to every CPI, under its name or a former one.
async fn is_needed(mut call: Call) -> Result<Response, Failure> {
    let body: Body = call.object().await?;
    let missing = |what: &str| {
        Failure::bad(
            40_001,
            format!("Required property '{what}' was not specified in object"),
        )
    };
    let which = body.stemcell.ok_or_else(|| missing("stemcell"))?;
    let name = which.name.ok_or_else(|| missing("name"))?;
    let version = which.version.ok_or_else(|| missing("version"))?;
    let offered = stemcells::uploads(call.api.store.pool(), &name, &version).await?;
    let configs = super::deploy::latest(&call, "cpi", &[]).await?;
    let needed = if configs.is_empty() {
        !offered.iter().any(String::is_empty)
    } else {
        let values = super::deployment_diff::parsed(&configs)?;
        let cpis = cpi_config::parse(&cpi_config::merged(&values)?)?;
        cpis.iter().any(|cpi| {
            let mut names = cpi.migrated_from.iter().chain([&cpi.name]);
            !names.any(|name| offered.contains(name))
        })
    };
    json(&Needed { needed })
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let (name, version) = (
        call.param("name").to_owned(),
        call.param("version").to_owned(),
    );
    let description = format!("delete stemcell: {name}/{version}");
    let work = Work::DeleteStemcell {
        name,
        version,
        force: call.query.is_true("force"),
    };
    enqueue_alone(&call, description, work).await
}
