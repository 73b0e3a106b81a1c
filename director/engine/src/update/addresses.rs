//! What a network's infrastructure decides: addresses of dynamic networks, known once there is a machine.
//!
//! ```text
//! rendered without them ── machine ── its agent tells them ──┬── the machine's row, names, apply spec
//!                                                            └── jobs rendered once more
//! ```
//!
//! Source: reference of the deploy engine, sections 10 (addresses) and 15 (a new machine).

use serde_json::{Map, Value};
use warren_director_plan::spec;
use warren_director_store::instances;
use warren_director_store::vms::{self, Vm};

use super::Update;
use crate::Error;
use crate::render::{self, Files};

impl Update<'_> {
    /// Settings of networks as the machine has them: with what the infrastructure gave.
    pub(super) async fn networks(
        &self,
        row: &instances::Instance,
        vm: &mut Vm,
    ) -> Result<Map<String, Value>, Error> {
        let planned = spec::networks(self.plan);
        let resolved = self.variables.resolve_map(&planned).await?;
        if !self.has_dynamic_network() {
            return Ok(resolved);
        }
        let state = self
            .engine
            .bus
            .agent(&vm.agent_id)
            .get_state(false, None)
            .await?;
        self.task
            .log(&format!("{}: the agent tells its networks", row.name()));
        let reported = state.get("networks").and_then(Value::as_object);
        let Some(reported) = reported.filter(|map| !map.is_empty()) else {
            return Ok(resolved);
        };
        vm.network_spec = Some(Value::Object(reported.clone()).to_string());
        vms::save(self.engine.store.pool(), vm).await?;
        Ok(reported.clone())
    }

    fn has_dynamic_network(&self) -> bool {
        let mut networks = self.plan.networks.iter();
        networks.any(|network| network.kind == "dynamic")
    }

    /// The jobs once more, if they were rendered before the infrastructure gave the machine its
    /// address.
    pub(super) async fn rendered_again(
        &self,
        row: &instances::Instance,
        networks: &Map<String, Value>,
    ) -> Result<Option<Files>, Error> {
        let known = render::reported_networks(self.input, self.plan);
        if !self.has_dynamic_network() || known == *networks {
            return Ok(None);
        }
        let rendered = render::one(
            self.engine,
            self.input,
            self.group,
            self.plan,
            networks,
            self.variables,
            &render::Archives::default(),
        )
        .await?;
        match rendered {
            Ok(files) => Ok(Some(files)),
            Err(errors) => Err(Error::refused(
                100,
                format!(
                    "Unable to render jobs for instance '{}' with the addresses that its networks \
                     gave it. Errors are:\n  - {}",
                    row.name(),
                    errors.join("\n- ").replace('\n', "\n  ")
                ),
            )),
        }
    }
}
