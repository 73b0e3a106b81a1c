//! `POST /deployments/:deployment/ssh`: letting somebody log in, and taking it back.

use axum::response::Response;
use serde_json::Value;
use warren_director_store::work::{Ssh, Work};

use crate::body::Body;
use crate::call::Call;
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, Takes, post};
use crate::ruby::inspect;
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![post("/deployments/:deployment/ssh", Need::DeploymentAdmin, ssh).takes(Takes::Json)]
}

async fn ssh(mut call: Call) -> Result<Response, Failure> {
    let body = Body::of(&mut call).await?;
    let command = body.text("command")?;
    if !matches!(command.as_str(), "setup" | "cleanup") {
        return Err(Failure::bad(
            40_005,
            format!("'command' must be setup or cleanup, not '{command}'"),
        ));
    }
    let target = body.object("target")?;
    let ids = target.texts("ids")?.filter(|ids| !ids.is_empty());
    let indexes = target.texts("indexes")?.unwrap_or_default();
    let params = body.some_object("params")?;
    let work = Ssh {
        deployment: call.deployment()?.name.clone(),
        job: target.some_text("job")?,
        ids: ids.unwrap_or(indexes),
        command,
        params: params.map(Body::into_map).unwrap_or_default(),
    };
    let description = format!(
        "ssh: {}:{}",
        work.command,
        inspect(&Value::Object(target.into_map()))
    );
    on_deployment(&call, description, Work::Ssh(work)).await
}
