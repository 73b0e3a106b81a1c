//! Roles: what a process of a director does, one file each.
//!
//! All that they share is in the home and in the database, so that each may be a process of its own,
//! killed and started again at any time.

mod api;
mod blobstore;
mod engine;
mod scheduler;
mod sync_dns;
mod worker;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use warren_director_blobstore::Local;
use warren_director_store::output::Outputs;
use warren_director_store::{Store, events};

use crate::metrics::Shared;
use crate::presence::Presence;
use crate::{Error, Home, Options, Role};

/// What a role is made of.
pub struct Scene<'a> {
    pub options: &'a Options,
    pub home: &'a Home,
    pub store: &'a Store,
    pub outputs: &'a Outputs,
    pub blobs: &'a Local,
    pub presence: &'a std::sync::Arc<Presence>,
    pub metrics: &'a std::sync::Arc<Shared>,
    pub ended: &'a watch::Receiver<bool>,
}

/// What goes on until the end.
pub type Running = JoinSet<Result<(), Error>>;

/// Begins a role.
///
/// # Errors
/// [`Error`].
pub async fn start(role: Role, scene: &Scene<'_>, running: &mut Running) -> Result<(), Error> {
    match role {
        Role::Api => api::start(scene, running).await,
        Role::Blobstore => blobstore::start(scene, running).await,
        Role::Worker => worker::start(scene, running).await,
        Role::Scheduler => {
            scheduler::start(scene, running);
            Ok(())
        }
        Role::SyncDns => sync_dns::start(scene, running),
    }
}

/// Records for `bosh events` that the director, or a process with workers of it, has started.
async fn record_start(
    scene: &Scene<'_>,
    object_type: &str,
    name: &str,
    context: Option<serde_json::Value>,
) -> Result<(), Error> {
    let new = events::New {
        username: "_director",
        action: "start",
        object_type,
        object_name: Some(name),
        context,
        ..events::New::default()
    };
    events::create(scene.store.pool(), &new).await?;
    Ok(())
}

/// Waits for the end.
pub async fn until(mut ended: watch::Receiver<bool>) {
    // A sender that is gone has ended too.
    let _ = ended.wait_for(|ended| *ended).await.is_ok();
}

async fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })
}
