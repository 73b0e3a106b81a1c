//! `GET .../jobs/:job/:id/logs`: a task that makes a blob of logs.

use axum::response::Response;
use warren_director_store::work::{Logs, Work};

use crate::call::{Call, is_called, no_instance};
use crate::enqueue::on_deployment;
use crate::failure::Failure;
use crate::route::{Route, get};
use crate::scopes::Need;

pub(super) fn routes() -> Vec<Route> {
    vec![get(
        "/deployments/:deployment/jobs/:job/:id/logs",
        Need::DeploymentAdmin,
        logs,
    )]
}

async fn logs(call: Call) -> Result<Response, Failure> {
    let kind = call.query.some("type").unwrap_or("job");
    if kind
        .split(',')
        .any(|one| !matches!(one, "job" | "agent" | "system"))
    {
        return Err(Failure::bad(
            40_005,
            format!("'type' must be of job, agent and system, not '{kind}'"),
        ));
    }
    let deployment = call.deployment()?;
    let (job, id) = (call.param("job"), call.param("id"));
    let all = call.instances().await?;
    let fits = |wanted: &str, is: bool| wanted == "*" || is;
    if !all
        .iter()
        .any(|one| fits(job, one.job == job) && fits(id, is_called(one, id)))
    {
        return Err(no_instance(&deployment.name, job, id));
    }
    let filters: Vec<String> = call
        .query
        .list("filters")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let work = Work::FetchLogs(Logs {
        deployment: deployment.name.clone(),
        job: job.to_owned(),
        id: id.to_owned(),
        kind: kind.to_owned(),
        // Stock's agents are told `null` only by errands.
        filters: Some(filters),
    });
    on_deployment(&call, "fetch logs", work).await
}
