//! What is wanted, compared with what there is: why each instance is updated.

use std::collections::BTreeMap;

use serde_json::Value;
use warren_director_plan::changes::{self, Change, Desired};
use warren_director_plan::{Compiled, Draft, Group, InstancePlan, State, spec};
use warren_director_store::vms;

use super::{Decided, DeployTask, Known, is_idle_errand};
use crate::fingerprints::{self, Fingerprints};
use crate::render::Files;
use crate::{Error, compile, dns};

impl DeployTask<'_> {
    /// Compares what is wanted with what there is.
    pub(super) async fn decide(
        &self,
        known: &Known,
        draft: &Draft,
        compiled: &compile::Outcome,
        decided: &mut Decided,
    ) -> Result<(), Error> {
        let input = known.input();
        for group in &draft.groups {
            let of_group: BTreeMap<String, Compiled> = group
                .packages
                .iter()
                .filter_map(|(name, (release, package))| {
                    let key = (*release, *package, group.stemcell);
                    Some((name.clone(), compiled.get(&key)?.clone()))
                })
                .collect();
            let packages = spec::packages(&input, group, &of_group);
            for plan in &group.instances {
                if plan.ignored || is_idle_errand(known, group, plan) {
                    continue;
                }
                let files = decided.files.get(&plan.uuid).cloned().unwrap_or_default();
                let found = self.compare(known, group, plan, &files, &packages).await?;
                self.task.log(&format!(
                    "{}: {:?}",
                    plan.title(&group.name),
                    found.iter().map(|change| change.name()).collect::<Vec<_>>()
                ));
                decided.changes.insert(plan.uuid.clone(), found);
            }
            decided.packages.insert(group.name.clone(), packages);
        }
        Ok(())
    }

    async fn compare(
        &self,
        known: &Known,
        group: &Group,
        plan: &InstancePlan,
        files: &Files,
        packages: &Value,
    ) -> Result<Vec<Change>, Error> {
        let input = known.input();
        let Some(at) = plan.existing else {
            return Ok(vec![Change::Dirty]);
        };
        let (existing, row) = (&known.existing.instances[at], &known.rows.instances[at]);
        let machine = known.rows.vm_of(row.id);
        let parse = |text: Option<&String>| -> Value {
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default()
        };
        let old_networks = parse(machine.and_then(|vm| vm.network_spec.as_ref()));
        let resolved = self
            .variables
            .resolve(&[
                &Value::Object(plan.cloud_properties.clone()),
                &Value::Object(spec::networks(plan)),
            ])
            .await?;
        let old_networks = if old_networks.is_object() {
            let set = Some(row.variable_set_id);
            let then = self.as_then(Some(old_networks), set).await?;
            then.unwrap_or_default()
        } else {
            resolved[1].clone()
        };
        let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let mut wanted_disks = Vec::new();
        for disk in &group.disks {
            let properties = self.variables.resolve_map(&disk.cloud_properties).await?;
            wanted_disks.push((disk.name.clone(), disk.size, Value::Object(properties)));
        }
        let is_young = changes::is_young(&known.options, existing);
        let stemcell = &known.stemcells[group.stemcell];
        let api_version = machine.and_then(|vm| vm.stemcell_api_version);
        let now = Fingerprints::of(&self.engine.config, api_version);
        let knows = |of: fn(&vms::Vm) -> &Option<String>, now: Option<&String>| {
            machine.is_some_and(|vm| fingerprints::differs(of(vm).as_ref(), now))
        };
        let desired = Desired {
            cloud_properties: resolved[0].clone(),
            old_cloud_properties: existing
                .vm
                .as_ref()
                .and_then(|vm| vm.cloud_properties.clone())
                .unwrap_or_default(),
            stemcell: (stemcell.name.clone(), stemcell.version.clone()),
            env: Value::Object(group.env.clone()),
            networks: map(&resolved[1]),
            old_networks: map(&old_networks),
            addresses_change: !plan.obsolete_addresses.is_empty(),
            packages: packages.clone(),
            job: spec::job(&input, group),
            configuration_hash: files.hashes.configuration_hash.clone(),
            disks: wanted_disks,
            dns_change: plan.state != State::Detached
                && dns::differs(self.engine, &self.row.name, group, plan, row, machine).await?,
            state: Some(plan.state),
            once: plan
                .once
                .clone()
                .filter(|once| once != "recreate" || !is_young),
            recreate: known.options.recreate && !is_young,
            recreate_disks: known.options.recreate_persistent_disks,
            certs_change: knows(|vm| &vm.trusted_certs_sha1, Some(&now.certs)),
            blobstore_change: knows(|vm| &vm.blobstore_config_sha1, now.blobstores.as_ref()),
            nats_change: knows(|vm| &vm.nats_config_sha1, now.nats.as_ref()),
            tags_change: spec::tags_differ(existing.spec.as_ref(), group),
        };
        Ok(changes::of(existing, &desired))
    }
}
