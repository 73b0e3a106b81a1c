//! Everything that jobs work with.

use std::collections::BTreeMap;
use std::sync::Arc;

use warren_director_blobstore::Local;
use warren_director_bus::{Bus, Known, Users};
use warren_director_cpi::Cpi;
use warren_director_store::output::Outputs;
use warren_director_store::{Store, vms};
use warren_director_templates::Pool;

use crate::{Config, Error, Task};

/// The parts of a director that jobs work with.
pub struct Parts {
    /// What the configuration says.
    pub config: Config,
    /// Rows.
    pub store: Store,
    /// What tasks say.
    pub outputs: Outputs,
    /// Agents.
    pub bus: Bus,
    /// Who may use the bus; `None` if somebody else writes that.
    pub users: Option<Users>,
    /// The default CPI.
    pub cpi: Cpi,
    /// Blobs.
    pub blobs: Local,
    /// Ruby.
    pub templates: Pool,
}

/// What jobs work with. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    parts: Arc<Parts>,
    users: Arc<tokio::sync::Mutex<()>>,
    cpis: Arc<crate::cpis::Registry>,
    silent: crate::silent::Silent,
}

impl std::ops::Deref for Engine {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Engine {
    /// Out of its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            users: Arc::default(),
            cpis: Arc::default(),
            silent: crate::silent::Silent::default(),
        }
    }

    /// CPIs of CPI configs that were called.
    pub(crate) fn cpi_registry(&self) -> Arc<crate::cpis::Registry> {
        Arc::clone(&self.cpis)
    }

    /// Agents that did not answer a moment ago.
    pub(crate) fn silent(&self) -> &crate::silent::Silent {
        &self.silent
    }

    /// The director's own CPI, whose calls are logged with a task.
    #[must_use]
    pub fn cpi_for(&self, task: &Task) -> Cpi {
        let task = task.clone();
        self.cpi.with_log(Arc::new(move |line| task.log_cpi(line)))
    }

    /// Makes the bus know all machines that there are, before one is made or after one is gone.
    ///
    /// # Errors
    /// What the database or the file system said.
    pub async fn write_users(&self) -> Result<(), Error> {
        let Some(users) = &self.parts.users else {
            return Ok(());
        };
        // One at a time, so that an older list does not come last.
        let _turn = self.users.lock().await;
        let known: BTreeMap<String, Known> = vms::list(self.store.pool())
            .await?
            .into_iter()
            .map(|vm| {
                let known = if *vm.permanent_nats_credentials {
                    Known::Permanent
                } else {
                    Known::Starting
                };
                (vm.agent_id, known)
            })
            .collect();
        let users = users.clone();
        tokio::task::spawn_blocking(move || users.write(&known))
            .await
            .map_err(|error| Error::other("write the users of the bus", error))??;
        Ok(())
    }
}
