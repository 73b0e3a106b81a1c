//! A plan and the rows that it needs: instances, addresses, links. What others take in the meantime is
//! planned around.

use std::collections::BTreeMap;

use warren_director_plan::{Draft, Group, InstancePlan, Reservation, Swap, assemble};
use warren_director_store::{deployments, instances, ips, links as rows};
use warren_wire_manifest::deployment::VmStrategy;

use super::{DeployTask, Known, is_idle_errand};
use crate::inputs::{self, Rows};
use crate::{Error, disks};

impl DeployTask<'_> {
    /// Plans, gives new instances their rows and addresses, and plans again with those.
    pub(super) async fn plan(
        &self,
        known: &mut Known,
    ) -> Result<(Draft, BTreeMap<(usize, usize), Vec<i64>>), Error> {
        for _ in 0..20 {
            let draft = assemble(&known.input())?;
            if self.resolve(known, &draft).await? {
                continue;
            }
            if self.settle(known, &draft).await? {
                let links = self.save_links(&draft).await?;
                return Ok((draft, links));
            }
            known.rows = Rows::read(self.engine, self.row.id).await?;
            known.existing = self.existing(&known.rows, &known.states).await?;
            known.taken = inputs::taken(self.engine).await?;
        }
        Err(Error::refused(
            130_011,
            "Addresses were taken by other deployments again and again",
        ))
    }

    /// Resolves cloud properties of machines that may be swapped; the answer is whether any were not
    /// known yet, so that the plan may be another.
    async fn resolve(&self, known: &mut Known, draft: &Draft) -> Result<bool, Error> {
        let mut new = false;
        let swapping = draft.groups.iter().filter(|group| {
            known.options.may_swap && group.update.vm_strategy == VmStrategy::CreateSwapDelete
        });
        for plan in swapping.flat_map(|group| &group.instances) {
            let has_machine = plan
                .existing
                .is_some_and(|at| known.existing.instances[at].vm.is_some());
            if !has_machine || known.resolved.contains_key(&plan.uuid) {
                continue;
            }
            let resolved = self.variables.resolve_map(&plan.cloud_properties).await?;
            new |= resolved != plan.cloud_properties;
            known.resolved.insert(plan.uuid.clone(), resolved.into());
        }
        Ok(new)
    }

    /// Gives new instances rows and addresses; the answer is whether there was nothing to give.
    async fn settle(&self, known: &Known, draft: &Draft) -> Result<bool, Error> {
        let pool = self.engine.store.pool();
        let mut nothing = true;
        for group in &draft.groups {
            for plan in &group.instances {
                let row = match plan.existing {
                    Some(at) => known.rows.instances[at].clone(),
                    None => {
                        nothing = false;
                        let new = instances::New {
                            deployment_id: self.row.id,
                            job: &group.name,
                            index: plan.index,
                            uuid: &plan.uuid,
                            state: plan.state.word(),
                            availability_zone: plan.az.as_deref(),
                            bootstrap: plan.bootstrap,
                            compilation: false,
                            variable_set_id: self.variables.set(),
                        };
                        instances::create(pool, &new).await?
                    }
                };
                nothing &= self.save_place(group, plan, &row).await?;
                for id in &plan.idle_addresses {
                    nothing = false;
                    ips::release(pool, *id).await?;
                }
                for network in &plan.networks {
                    let Some(address) = &network.address else {
                        continue;
                    };
                    // An errand's group gets addresses when it is run.
                    if address.from != Reservation::New || is_idle_errand(known, group, plan) {
                        continue;
                    }
                    nothing = false;
                    let text = address.address.to_string();
                    let new = ips::New {
                        address: &text,
                        network_name: &network.name,
                        static_address: address.is_static,
                        nic_group: None,
                        instance_id: row.id,
                        task_id: Some(self.task.id),
                    };
                    match ips::reserve(pool, &new).await {
                        // Somebody was quicker: the next plan takes another.
                        Err(error) if error.is_duplicate() && !address.is_static => {}
                        done => {
                            done?;
                        }
                    }
                }
            }
        }
        Ok(nothing)
    }

    /// Gives addresses back that were reserved for machines which were to take others' places and now
    /// are not even begun.
    pub(super) async fn give_back(&self, draft: &Draft) -> Result<(), Error> {
        let plans = draft.groups.iter().flat_map(|group| &group.instances);
        for plan in plans.filter(|plan| plan.swap == Some(Swap { spare: None })) {
            for address in plan.networks.iter().filter_map(|network| network.address) {
                if let Reservation::Kept(id) = address.from {
                    ips::release(self.engine.store.pool(), id).await?;
                }
            }
        }
        Ok(())
    }

    /// Saves where an instance is; the answer is whether that was saved already.
    async fn save_place(
        &self,
        group: &Group,
        plan: &InstancePlan,
        row: &instances::Instance,
    ) -> Result<bool, Error> {
        let same = row.job == group.name
            && row.index_number == plan.index
            && row.availability_zone == plan.az
            && *row.bootstrap == plan.bootstrap;
        if !same {
            let mut row = row.clone();
            row.job.clone_from(&group.name);
            row.index_number = plan.index;
            row.availability_zone.clone_from(&plan.az);
            row.bootstrap = warren_director_store::Flag(plan.bootstrap);
            instances::save(self.engine.store.pool(), &row).await?;
        }
        Ok(same)
    }

    /// Saves who provides what to whom; the answer is the links of each job.
    async fn save_links(&self, draft: &Draft) -> Result<BTreeMap<(usize, usize), Vec<i64>>, Error> {
        let mut tx = self.engine.store.begin().await?;
        let serial = deployments::find(&mut *tx, &self.row.name)
            .await?
            .map_or(0, |row| row.links_serial_id);
        let mut offers = Vec::new();
        for offer in &draft.links.offers {
            let group = &draft.groups[offer.group].name;
            let party = rows::Party {
                deployment_id: self.row.id,
                kind: offer.owner_kind,
                name: &offer.owner,
                instance_group: group,
                serial_id: serial,
            };
            let content = offer.content.to_string();
            let new = rows::Offer {
                provider: rows::put_provider(&mut *tx, &party).await?,
                original_name: &offer.original_name,
                kind: &offer.kind,
                name: Some(&offer.name),
                shared: offer.shared,
                consumable: offer.consumable,
                content: Some(&content),
                metadata: None,
                serial_id: serial,
            };
            offers.push(rows::put_offer(&mut *tx, &new).await?);
        }
        let mut links: BTreeMap<(usize, usize), Vec<i64>> = BTreeMap::new();
        for want in &draft.links.wants {
            let party = rows::Party {
                deployment_id: self.row.id,
                kind: "job",
                name: &want.owner,
                instance_group: &draft.groups[want.group].name,
                serial_id: serial,
            };
            let new = rows::Want {
                consumer: rows::put_consumer(&mut *tx, &party).await?,
                original_name: &want.original_name,
                kind: &want.kind,
                name: want.name.as_deref(),
                optional: want.optional,
                blocked: want.blocked,
                metadata: None,
                serial_id: serial,
            };
            let id = rows::put_want(&mut *tx, &new).await?;
            if let Some(found) = &want.found {
                use warren_director_plan::links::From;
                let offer = match found.from {
                    From::Own(at) => offers.get(at).copied(),
                    From::Shared(id) => Some(id),
                    From::Manual => None,
                };
                let content = found.values.to_string();
                let link = rows::put(&mut tx, id, offer, &want.original_name, &content).await?;
                links.entry((want.group, want.job)).or_default().push(link);
            }
        }
        disks::commit(tx).await?;
        Ok(links)
    }
}
