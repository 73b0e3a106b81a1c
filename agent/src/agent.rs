//! What all parts of a running agent share.

use std::sync::{Arc, Mutex, PoisonError};

use warren_wire_agent::config::AgentConfig;
use warren_wire_agent::settings::Effective;

use crate::blob::Blobs;
use crate::monit::Monit;
use crate::owner::Owner;
use crate::paths::Paths;
use crate::tasks::Tasks;
use crate::vitals::Sampler;
use crate::{settings, spec};

/// The other end, as actions see it. NATS is one; the listener of create-env could be another.
pub trait Uplink: Send + Sync {
    /// Publishes something that is no answer.
    ///
    /// # Errors
    /// It could not be taken.
    fn publish(&self, subject: &str, payload: &[u8]) -> Result<(), UplinkError>;
    /// Goes over to another certificate or other servers, without a gap where that can be done.
    ///
    /// # Errors
    /// The old ones stay in use.
    fn change(&self, to: &Effective) -> Result<(), UplinkError>;
}

/// The other end could not be told, or not be changed.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// Not taken.
    #[error("cannot publish")]
    Publish(#[from] warren_lib_nats::PublishError),
    /// Settings that cannot be used.
    #[error("the settings of the message bus cannot be used: {0}")]
    Settings(String),
    /// Nobody lets us in.
    #[error("NATS does not let us in with the new certificate: {0}")]
    Refused(String),
    /// No thread or descriptor.
    #[error("cannot start a connection to NATS")]
    Start(#[source] std::io::Error),
}

/// A running agent.
pub struct Agent {
    /// Where everything is.
    pub paths: Paths,
    /// The stemcell's configuration.
    pub config: AgentConfig,
    /// Settings.
    pub settings: settings::Store,
    /// What was applied last.
    pub spec: spec::Store,
    /// The supervisor.
    pub monit: Monit,
    /// Tasks.
    pub tasks: Tasks,
    /// Vitals.
    pub vitals: Sampler,
    /// Held by whoever writes records of names, so that old ones never come over new ones.
    pub records: Mutex<()>,
    uplink: Mutex<Option<Arc<dyn Uplink>>>,
}

impl Agent {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        paths: Paths,
        config: AgentConfig,
        settings: settings::Store,
        spec: spec::Store,
        monit: Monit,
    ) -> Self {
        Self {
            tasks: Tasks::new(paths.tasks()),
            vitals: Sampler::new(paths.clone()),
            records: Mutex::default(),
            uplink: Mutex::new(None),
            paths,
            config,
            settings,
            spec,
            monit,
        }
    }

    /// Root and the group `vcap`.
    #[must_use]
    pub fn vcap(&self) -> Owner {
        Owner::vcap(&self.paths)
    }

    /// The blobstore in force.
    #[must_use]
    pub fn blobs(&self) -> Blobs<'_> {
        Blobs {
            paths: &self.paths,
            blobstore: self.settings.blobstore(),
        }
    }

    /// The other end, once there is one.
    #[must_use]
    pub fn uplink(&self) -> Option<Arc<dyn Uplink>> {
        self.uplink
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sets the other end.
    pub fn set_uplink(&self, uplink: Option<Arc<dyn Uplink>>) {
        *self.uplink.lock().unwrap_or_else(PoisonError::into_inner) = uplink;
    }
}
