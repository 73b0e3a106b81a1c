//! Links of a deployment: who provides, who consumes, what came of it.

use axum::response::Response;
use serde::Serialize;
use warren_director_store::links;

use crate::answer::json;
use crate::call::{self, Call};
use crate::clock;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::{Need, wanted};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/link_providers", Need::AnyTeam, providers),
        get("/link_consumers", Need::AnyTeam, consumers),
        get("/links", Need::AnyTeam, list),
    ]
}

/// The deployment that the query names, if the user may see it.
async fn deployment(call: &Call) -> Result<String, Failure> {
    let name = call
        .query
        .some("deployment")
        .ok_or_else(|| Failure::bad(190_024, "Deployment name is required"))?;
    let found = call::deployment(&call.api, name)
        .await?
        .ok_or_else(|| Failure::no_deployment(name))?;
    let teams = call::teams(&found.teams);
    match call.rights.sees(&teams) {
        true => Ok(found.name),
        false => Err(Failure::forbidden(&wanted(
            Need::DeploymentRead,
            &call.api.info.uuid,
            &teams,
        ))),
    }
}

#[derive(Serialize)]
struct Provider<'a> {
    id: String,
    name: &'a str,
    shared: bool,
    deployment: &'a str,
    link_provider_definition: Definition<'a>,
    owner_object: Owner<'a>,
}

#[derive(Serialize)]
struct Consumer<'a> {
    id: String,
    name: &'a str,
    optional: bool,
    deployment: &'a str,
    owner_object: Owner<'a>,
    link_consumer_definition: Definition<'a>,
}

#[derive(Serialize)]
struct Definition<'a> {
    r#type: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Owner<'a> {
    r#type: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info<'a>>,
}

#[derive(Serialize)]
struct Info<'a> {
    instance_group: &'a str,
}

fn owner<'a>(kind: &'a str, name: &'a str, group: &'a str) -> Owner<'a> {
    Owner {
        r#type: kind,
        name,
        info: (!group.is_empty()).then_some(Info {
            instance_group: group,
        }),
    }
}

async fn providers(call: Call) -> Result<Response, Failure> {
    let name = deployment(&call).await?;
    let all = links::provided(call.api.store.pool(), Some(&name)).await?;
    let shown: Vec<Provider<'_>> = all
        .iter()
        .map(|one| Provider {
            id: one.id.to_string(),
            name: one.name.as_deref().unwrap_or(&one.original_name),
            shared: *one.shared,
            deployment: &one.deployment,
            link_provider_definition: Definition {
                r#type: &one.kind,
                name: &one.original_name,
            },
            owner_object: owner(&one.owner_type, &one.owner_name, &one.instance_group),
        })
        .collect();
    json(&shown)
}

async fn consumers(call: Call) -> Result<Response, Failure> {
    let name = deployment(&call).await?;
    let all = links::consumed(call.api.store.pool(), &name).await?;
    let shown: Vec<Consumer<'_>> = all
        .iter()
        .map(|one| Consumer {
            id: one.id.to_string(),
            name: one.name.as_deref().unwrap_or(&one.original_name),
            optional: *one.optional,
            deployment: &one.deployment,
            owner_object: owner(&one.owner_type, &one.owner_name, &one.instance_group),
            link_consumer_definition: Definition {
                r#type: &one.kind,
                name: &one.original_name,
            },
        })
        .collect();
    json(&shown)
}

#[derive(Serialize)]
pub(super) struct Link<'a> {
    id: String,
    name: &'a str,
    link_consumer_id: String,
    link_provider_id: Option<String>,
    created_at: String,
}

async fn list(call: Call) -> Result<Response, Failure> {
    let name = deployment(&call).await?;
    let all = links::of_deployment(call.api.store.pool(), &name).await?;
    json(&all.iter().map(shown).collect::<Vec<_>>())
}

/// A link as the wire has it.
pub(super) fn shown(link: &links::Link) -> Link<'_> {
    Link {
        id: link.id.to_string(),
        name: &link.name,
        link_consumer_id: link.link_consumer_intent_id.to_string(),
        link_provider_id: link.link_provider_intent_id.map(|id| id.to_string()),
        created_at: clock::text(link.created_at),
    }
}
