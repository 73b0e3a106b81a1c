//! `POST .../instance_groups/:job/:id/actions/:action`: one instance, without a deploy.

use axum::response::Response;
use warren_director_store::work::{InstanceAction, Work};

use crate::call::Call;
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, post};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![post(
        "/deployments/:deployment/instance_groups/:job/:id/actions/:action",
        Need::DeploymentAdmin,
        act,
    )]
}

async fn act(call: Call) -> Result<Response, Failure> {
    let action = call.param("action").to_owned();
    if !["start", "stop", "restart", "recreate"].contains(&action.as_str()) {
        return Err(Failure::NoEndpoint(format!(
            "/deployments/{}/instance_groups/{}/{}/actions/{action}",
            call.param("deployment"),
            call.param("job"),
            call.param("id")
        )));
    }
    let instance = call.instance().await?;
    let work = Work::UpdateInstance(InstanceAction {
        deployment: call.deployment()?.name.clone(),
        job: instance.job,
        id: instance.uuid,
        skip_drain: call.query.is_true("skip_drain"),
        hard: call.query.is_true("hard"),
        ignore_unresponsive_agent: call.query.is_true("ignore_unresponsive_agent"),
        action: action.clone(),
    });
    on_deployment(&call, format!("{action} instance"), work).await
}
