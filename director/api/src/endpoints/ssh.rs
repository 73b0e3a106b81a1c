//! `POST /deployments/:deployment/ssh`: letting somebody log in, and taking it back.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use warren_director_store::work::{Ssh, Work};

use crate::call::Call;
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, Takes, post};
use crate::ruby::inspect;
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![post("/deployments/:deployment/ssh", Need::DeploymentAdmin, ssh).takes(Takes::Json)]
}

#[derive(Deserialize)]
struct Wanted {
    command: String,
    target: Map<String, Value>,
    #[serde(default)]
    params: Map<String, Value>,
}

async fn ssh(mut call: Call) -> Result<Response, Failure> {
    let wanted: Wanted = call.json().await?;
    if !matches!(wanted.command.as_str(), "setup" | "cleanup") {
        return Err(Failure::bad(
            40_005,
            format!(
                "'command' must be setup or cleanup, not '{}'",
                wanted.command
            ),
        ));
    }
    let list = |key: &str| -> Vec<String> {
        let items = wanted.target.get(key).and_then(Value::as_array);
        let items = items.map(Vec::as_slice).unwrap_or_default();
        let texts = items.iter().map(|item| match item {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        texts.collect()
    };
    let ids = Some(list("ids")).filter(|ids| !ids.is_empty());
    let job = wanted.target.get("job").and_then(Value::as_str);
    let work = Ssh {
        deployment: call.deployment()?.name.clone(),
        job: job.filter(|job| !job.is_empty()).map(str::to_owned),
        ids: ids.unwrap_or_else(|| list("indexes")),
        command: wanted.command,
        params: wanted.params,
    };
    let description = format!(
        "ssh: {}:{}",
        work.command,
        inspect(&Value::Object(wanted.target))
    );
    on_deployment(&call, description, Work::Ssh(work)).await
}
