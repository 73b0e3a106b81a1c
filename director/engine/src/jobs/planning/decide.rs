//! What is wanted, compared with what there is: why each instance is updated.

use std::collections::BTreeMap;

use serde_json::Value;
use warren_director_plan::changes::{self, Change, Desired};
use warren_director_plan::{Compiled, Draft, Group, InstancePlan, State, spec};

use super::{Decided, DeployTask, Known, is_idle_errand};
use crate::render::Files;
use crate::variables::Variables;
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
        // What there is was resolved with the values of then.
        let then = Variables::new(
            &self.engine.store,
            &self.engine.config.name,
            &self.row.name,
            row.variable_set_id,
            false,
        );
        let old_networks = if old_networks.is_object() {
            then.resolve_one(&old_networks).await?
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
        let mut calculated = resolved[0].clone();
        if group.vm_resources.is_some() {
            // What the CPI makes of a size is compared with what it made of it then.
            calculated = parse(machine.and_then(|vm| vm.cloud_properties.as_ref()));
        }
        let desired = Desired {
            cloud_properties: calculated,
            old_cloud_properties: parse(machine.and_then(|vm| vm.cloud_properties.as_ref())),
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
            ..Desired::default()
        };
        Ok(changes::of(existing, &desired))
    }
}
