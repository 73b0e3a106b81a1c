//! Making tasks, each once.
//!
//! The stock client sends a request again, whatever its method, when the connection broke before the
//! answer came. Two requests of one user for the same work within [`TWINS`] seconds, of which the
//! first has not ended, are therefore one task.

use axum::response::Response;
use warren_director_store::work::Work;
use warren_director_store::{now, tasks};

use crate::answer;
use crate::call::Call;
use crate::failure::Failure;

/// How long a request may be repeated, in seconds: five attempts of half a second and their time.
pub(crate) const TWINS: i64 = 5;

/// A task that is to be.
pub(crate) struct Wanted<'a> {
    pub work: Work,
    pub description: String,
    /// Name and teams (JSON) of the deployment.
    pub deployment: Option<(&'a str, &'a str)>,
}

/// Whether the client's name for what it does is kept with the task: as in stock, that of deploys and
/// changes of state, of deleting deployments, of actions on instances and of errands.
fn keeps_context(work: &Work) -> bool {
    matches!(
        work,
        Work::UpdateDeployment(_)
            | Work::DeleteDeployment { .. }
            | Work::UpdateInstance(_)
            | Work::RunErrand(_)
    )
}

/// Makes a task, or finds the one that the same request made; redirects to it.
pub(crate) async fn enqueue(call: &Call, wanted: Wanted<'_>) -> Result<Response, Failure> {
    let mut context = call.context_id()?;
    if !keeps_context(&wanted.work) {
        context.clear();
    }
    let new = tasks::New {
        work: &wanted.work,
        description: &wanted.description,
        username: &call.user,
        deployment: wanted.deployment.map(|(name, _)| name),
        teams: wanted.deployment.map_or("[]", |(_, teams)| teams),
        context_id: &context,
        request_id: &call.request_id,
    };
    let mut tx = call.api.store.begin().await?;
    let id = match tasks::twin(&mut *tx, &new, now() - TWINS).await? {
        Some(id) => id,
        None => tasks::enqueue(&mut *tx, &new).await?,
    };
    tx.commit().await.map_err(|error| Failure::fault(&error))?;
    call.api.store.wake().await;
    Ok(answer::task(id))
}

/// Enqueues work on the deployment that the path names.
pub(crate) async fn on_deployment(
    call: &Call,
    description: impl Into<String>,
    work: Work,
) -> Result<Response, Failure> {
    let deployment = call.deployment()?;
    let wanted = Wanted {
        work,
        description: description.into(),
        deployment: Some((&deployment.name, &deployment.teams)),
    };
    enqueue(call, wanted).await
}

/// Enqueues work that is no deployment's.
pub(crate) async fn enqueue_alone(
    call: &Call,
    description: impl Into<String>,
    work: Work,
) -> Result<Response, Failure> {
    let wanted = Wanted {
        work,
        description: description.into(),
        deployment: None,
    };
    enqueue(call, wanted).await
}
