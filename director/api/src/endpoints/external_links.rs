//! Links of consumers outside of all deployments, and the names that links lead to.
//!
//! ```text
//! POST /links ── a provider that is shared ── a consumer of type `external`, its link
//! GET /link_address ── the name of the provider's instances, by zone and health
//! ```

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json as document};
use warren_director_plan::links::for_external;
use warren_director_plan::names::{Health, of_link};
use warren_director_store::external_links;
use warren_director_store::links::{self, Party, Want};

use super::links::shown;
use crate::answer::{empty, json};
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, Takes, delete, get, post};
use crate::scopes::Need;

/// Who consumes such a link.
const EXTERNAL: &str = "external";

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/links", Need::AnyTeamAdmin, create).takes(Takes::Json),
        delete("/links/:id", Need::AnyTeamAdmin, remove),
        get("/link_address", Need::AnyTeam, address),
    ]
}

/// What is asked for: a provider's id, the consumer's name, a network.
fn wanted(payload: &Value) -> Result<(&str, &str, Option<&str>), Failure> {
    let bad = |what: &str| Failure::bad(810_001, format!("Invalid request: {what}"));
    let is_empty = |value: Option<&Value>| {
        value.is_none_or(|value| value.is_null() || value.as_str() == Some(""))
    };
    let provider = payload.get("link_provider_id");
    if is_empty(provider) {
        return Err(bad("`link_provider_id` must be provided"));
    }
    let provider = provider
        .and_then(Value::as_str)
        .ok_or_else(|| bad("`link_provider_id` must be a String"))?;
    let consumer = payload
        .get("link_consumer")
        .filter(|value| !value.is_null())
        .ok_or_else(|| bad("`link_consumer` section must be defined"))?;
    let owner = consumer
        .get("owner_object")
        .filter(|value| !value.is_null())
        .ok_or_else(|| bad("`link_consumer.owner_object` section must be defined"))?;
    if owner.get("type").and_then(Value::as_str) != Some(EXTERNAL) {
        return Err(bad(
            "`link_consumer.owner_object.type` should be 'external'",
        ));
    }
    let name = owner
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| bad("`link_consumer.owner_object.name` must not be empty"))?;
    let network = match payload.get("network") {
        None | Some(Value::Null) => None,
        Some(Value::String(network)) => Some(network.as_str()),
        Some(_) => return Err(bad("`network` must be a String")),
    };
    Ok((provider, name, network))
}

async fn create(mut call: Call) -> Result<Response, Failure> {
    let payload: Value = call.json().await?;
    let (provider, name, network) = wanted(&payload)?;
    let pool = call.api.store.pool();
    let found = match provider.parse() {
        Ok(id) => external_links::offer(pool, id).await?,
        Err(_) => None,
    };
    let (offer, serial) = found
        .ok_or_else(|| Failure::bad(810_002, format!("Invalid link_provider_id: {provider}")))?;
    if !*offer.shared {
        return Err(Failure::Code(
            StatusCode::FORBIDDEN,
            810_009,
            "Provider not `shared`".to_owned(),
        ));
    }
    let content: Value =
        serde_json::from_str(offer.content.as_deref().unwrap_or("{}")).unwrap_or_default();
    let no_network = || {
        Failure::bad(
            810_003,
            format!(
                "Can't resolve network: `{}` in provider id: {} for `{name}`",
                network.unwrap_or_default(),
                offer.id
            ),
        )
    };
    if let Some(network) = network {
        let networks = content.get("networks").and_then(Value::as_array);
        let mut known = networks.into_iter().flatten();
        if !known.any(|one| one.as_str() == Some(network)) {
            return Err(no_network());
        }
    }
    let values = for_external(&content, network).map_err(|_| no_network())?;
    let deployment = crate::call::deployment(&call.api, &offer.deployment)
        .await?
        .ok_or_else(|| Failure::no_deployment(&offer.deployment))?;
    let party = Party {
        deployment_id: deployment.id,
        kind: EXTERNAL,
        name,
        instance_group: "",
        serial_id: serial,
    };
    let metadata = network.map(|network| document!({ "network": network }).to_string());
    let mut tx = call.api.store.begin().await?;
    let want = Want {
        consumer: links::put_consumer(&mut *tx, &party).await?,
        original_name: &offer.original_name,
        kind: &offer.kind,
        name: None,
        optional: false,
        blocked: false,
        metadata: metadata.as_deref(),
        serial_id: serial,
    };
    let want = links::put_want(&mut *tx, &want).await?;
    let text = values.to_string();
    let id = links::put(&mut tx, want, Some(offer.id), &offer.original_name, &text).await?;
    let made = external_links::find(&mut *tx, id).await?;
    tx.commit().await.map_err(|error| Failure::fault(&error))?;
    match made {
        Some((link, _)) => json(&shown(&link)),
        None => Err(lost(&id.to_string())),
    }
}

fn lost(id: &str) -> Failure {
    Failure::missing(810_000, format!("Could not find a link with id {id}"))
}

async fn find(call: &Call, id: &str) -> Result<Option<(links::Link, String)>, Failure> {
    match id.parse() {
        Ok(id) => Ok(external_links::find(call.api.store.pool(), id).await?),
        Err(_) => Ok(None),
    }
}

async fn remove(call: Call) -> Result<Response, Failure> {
    let id = call.param("id");
    let (link, owner) = find(&call, id)
        .await?
        .ok_or_else(|| Failure::missing(810_000, format!("Invalid link id: {id}")))?;
    if owner != EXTERNAL {
        return Err(Failure::bad(
            810_005,
            "Error deleting link: not a external link",
        ));
    }
    let mut tx = call.api.store.begin().await?;
    external_links::delete_external(&mut tx, &link).await?;
    tx.commit().await.map_err(|error| Failure::fault(&error))?;
    Ok(empty(StatusCode::NO_CONTENT))
}

#[derive(Serialize)]
struct Address {
    address: Option<String>,
}

async fn address(call: Call) -> Result<Response, Failure> {
    let id = call
        .query
        .get("link_id")
        .ok_or_else(|| Failure::bad(810_006, "Link id is required"))?;
    if call.query.get("azs").is_some() {
        return Err(Failure::bad(
            810_007,
            "`azs` param must be array type: `azs[]=`",
        ));
    }
    let azs: Vec<&str> = call.query.all("azs").collect();
    let health = match call.query.get("status") {
        None | Some("default") => Health::Default,
        Some("healthy") => Health::Healthy,
        Some("unhealthy") => Health::Unhealthy,
        Some("all") => Health::All,
        Some(_) => {
            return Err(Failure::bad(
                810_008,
                "status must be a one of: [\"healthy\", \"unhealthy\", \"all\", \"default\"]",
            ));
        }
    };
    let (link, _) = find(&call, id).await?.ok_or_else(|| lost(id))?;
    let values: Value = serde_json::from_str(&link.content).unwrap_or_default();
    let Some(names) = values.get("names") else {
        // One that is written in a manifest says its address itself.
        let address = values.get("address").and_then(Value::as_str);
        return json(&Address {
            address: address.map(str::to_owned),
        });
    };
    let address = of_link(names, &azs, health)
        .map_err(|az| Failure::bad(810_007, format!("az {az} is not valid")))?;
    json(&Address {
        address: Some(address),
    })
}
