//! What a machine that compiles is made of, and its network.

use std::collections::BTreeMap;

use serde_json::{Map, json};
use warren_director_plan::machine::{self, Base};
use warren_director_plan::{Group, InstancePlan, NetworkPlan, State};
use warren_director_store::vms::Vm;
use warren_director_store::{instances, ips};
use warren_wire_manifest::cloud_config::NetworkKind;
use warren_wire_manifest::deployment::Lifecycle;

use super::machines::Machines;
use crate::{Error, vm};

impl Machines<'_> {
    /// Makes the machine of an instance, for a first package.
    pub(super) async fn boot(
        &self,
        stemcell: usize,
        package: &str,
        instance: &instances::Instance,
    ) -> Result<Vm, Error> {
        let input = self.input;
        let compilation = &input.cloud.compilation;
        let network = self.network(instance).await?;
        let cpi = machine::cpi(input.cloud, compilation.az.as_deref());
        let base = match (&compilation.vm_type, &compilation.vm_resources) {
            (Some(name), _) => Base::Type(name),
            (None, Some(resources)) => {
                let asked = self.engine.cpi_named(self.task, &cpi).await?;
                let size = machine::size(resources);
                Base::Properties(asked.calculate_vm_cloud_properties(size).await?)
            }
            (None, None) => Base::Properties(warren_director_plan::json::from_mapping(
                &compilation.cloud_properties,
            )),
        };
        let (az, extensions) = (compilation.az.as_deref(), &compilation.vm_extensions);
        let cloud_properties = machine::properties(input.cloud, az, base, extensions);
        let mut tags = Map::new();
        tags.insert("compiling".into(), json!(package));
        let plan = InstancePlan {
            existing: None,
            uuid: instance.uuid.clone(),
            index: 0,
            az: compilation.az.clone(),
            cpi,
            bootstrap: false,
            ignored: false,
            state: State::Started,
            once: None,
            networks: vec![network],
            obsolete_addresses: Vec::new(),
            idle_addresses: Vec::new(),
            swap: None,
            unfit: Vec::new(),
            cloud_properties,
        };
        let group = Group {
            name: instance.job.clone(),
            lifecycle: Lifecycle::Service,
            update: input.deployment.update.clone(),
            stemcell,
            jobs: Vec::new(),
            packages: BTreeMap::new(),
            instances: Vec::new(),
            surplus: Vec::new(),
            disks: Vec::new(),
            env: warren_director_plan::json::from_mapping(&compilation.env),
            vm_type: compilation.vm_type.clone(),
            vm_resources: None,
            tags,
            use_dns_addresses: false,
        };
        let wanted = vm::Wanted {
            input,
            group: &group,
            plan: &plan,
            row: instance,
            disk_cids: Vec::new(),
            variables: self.variables,
            active: true,
        };
        vm::create(self.engine, self.task, &wanted).await
    }

    /// The network of a machine that compiles, with an address that is reserved.
    async fn network(&self, instance: &instances::Instance) -> Result<NetworkPlan, Error> {
        let compilation = &self.input.cloud.compilation;
        let network = self
            .input
            .cloud
            .network(&compilation.network)
            .ok_or_else(|| {
                Error::refused(
                    120_001,
                    format!(
                        "Compilation config references unknown network: '{}'",
                        compilation.network
                    ),
                )
            })?;
        let default = vec!["dns".to_owned(), "gateway".to_owned()];
        let az = compilation.az.as_deref();
        if !matches!(network.kind, NetworkKind::Manual { .. }) {
            return Ok(NetworkPlan {
                name: network.name.clone(),
                kind: "dynamic",
                address: None,
                settings: warren_director_plan::settings::dynamic(network, az, &default),
                default,
                nic_group: None,
            });
        }
        loop {
            let taken = crate::inputs::taken(self.engine).await?;
            let mut pool = warren_director_plan::addresses::Pool::new(&taken);
            let address = warren_director_plan::addresses::allocate(
                network,
                az,
                &instance.name(),
                &mut pool,
            )?;
            let text = address.to_string();
            let new = ips::New {
                address: &text,
                network_name: &network.name,
                static_address: false,
                nic_group: None,
                instance_id: instance.id,
                task_id: Some(self.task.id),
            };
            match ips::reserve(self.engine.store.pool(), &new).await {
                // Another deploy was quicker.
                Err(error) if error.is_duplicate() => {}
                done => {
                    done?;
                    let subnet =
                        warren_director_plan::addresses::subnet_of(network, address.first());
                    return Ok(NetworkPlan {
                        name: network.name.clone(),
                        kind: "manual",
                        address: None,
                        settings: subnet
                            .map(|subnet| {
                                warren_director_plan::settings::manual(subnet, address, &default)
                            })
                            .unwrap_or_default(),
                        default,
                        nic_group: None,
                    });
                }
            }
        }
    }
}
