//! What tasks have in common that are planned as a deploy is: read, plan, render, compile, compare.
//!
//! ```text
//! prepare ── plan ◄─► rows and addresses ── render ── compile ── changes of each instance
//! ```
//!
//! A deploy goes on with all of it, an errand with its groups, an action with its instance.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use warren_director_plan::changes::{self, Change, Desired};
use warren_director_plan::{
    AgentState, Compiled, Draft, Existing, Group, Input, InstancePlan, Options, Release,
    Reservation, State, Stemcell, Taken, assemble, spec,
};
use warren_director_store::work::Deploy;
use warren_director_store::{deployments, instances, ips, links as rows};
use warren_wire_manifest::check::read_manifest;
use warren_wire_manifest::deployment::{Lifecycle, UpdateOptions, Variable};

use crate::cpis::Cpis;
use crate::documents::{self, Asked, Documents};
use crate::event_log::Stage;
use crate::inputs::{self, Rows};
use crate::render::{self, Files};
use crate::variables::Variables;
use crate::{Engine, Error, Task, compile, disks, dns};

/// How much of a deployment a task is about.
pub(super) enum Scope {
    /// All of it.
    All,
    /// This instance only.
    Instance(String),
    /// Groups that an errand of this name runs on.
    Errand(String),
}

/// A task that is planned as a deploy is.
pub(super) struct DeployTask<'a> {
    /// What jobs work with.
    pub(super) engine: &'a Engine,
    /// The task.
    pub(super) task: &'a Task,
    /// What is asked for.
    pub(super) wanted: &'a Deploy,
    /// The deployment.
    pub(super) row: deployments::Deployment,
    /// With which variables.
    pub(super) variables: Variables,
    /// How much of it.
    pub(super) scope: Scope,
    /// Whether jobs that are started are waited for.
    pub(super) waits: bool,
    /// Whether agents are known not to answer, so that none is asked.
    pub(super) silent: bool,
}

/// What was planned, rendered, compiled and compared.
pub(super) struct Ready {
    pub(super) known: Known,
    pub(super) draft: Draft,
    pub(super) decided: Decided,
    pub(super) text: String,
}

/// What the planner is told; kept together because a plan borrows all of it.
pub(super) struct Known {
    director: warren_director_plan::Director,
    pub(super) documents: Documents,
    pub(super) releases: Vec<Release>,
    pub(super) stemcells: Vec<Stemcell>,
    pub(super) rows: Rows,
    states: BTreeMap<String, AgentState>,
    pub(super) existing: Existing,
    taken: Vec<Taken>,
    providers: Vec<warren_director_plan::Provider>,
    ids: warren_director_plan::NameIds,
    options: Options,
    /// Errand groups that get machines now.
    pub(super) errands: Vec<String>,
}

fn new_id() -> String {
    warren_director_store::uuid::new()
}

impl Known {
    pub(super) fn input(&self) -> Input<'_> {
        Input {
            director: &self.director,
            deployment: &self.documents.deployment,
            cloud: &self.documents.cloud,
            releases: &self.releases,
            stemcells: &self.stemcells,
            existing: &self.existing,
            taken: &self.taken,
            providers: &self.providers,
            ids: &self.ids,
            options: &self.options,
            new_id: &new_id,
        }
    }
}

/// What rendering and comparing gave, by id of the instance.
pub(super) struct Decided {
    pub(super) files: BTreeMap<String, Files>,
    pub(super) changes: BTreeMap<String, Vec<Change>>,
    pub(super) packages: BTreeMap<String, Value>,
    pub(super) links: BTreeMap<(usize, usize), Vec<i64>>,
}
impl DeployTask<'_> {
    /// Plans, renders, compiles and compares; `None` if no more than rendering was asked for.
    pub(super) async fn get_ready(&self) -> Result<Option<Ready>, Error> {
        let stage = Stage::new(self.task, "Preparing deployment", 1, &[]);
        let (mut known, text) = stage
            .run("Preparing deployment", |_| self.prepare())
            .await?;
        let prepared = self.plan(&mut known).await;
        let (draft, links) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                // Nobody needs what was reserved for machines that will not be.
                let owner = ips::Owner::WithoutVm(self.row.id);
                ips::release_all(self.engine.store.pool(), owner).await?;
                return Err(error);
            }
        };
        let input = known.input();
        let files = stage
            .run("Rendering templates", |_| {
                render::all(self.engine, self.task, &input, &draft, &self.variables)
            })
            .await?;
        if self.wanted.dry_run {
            return Ok(None);
        }
        let stage = Stage::new(self.task, "Preparing package compilation", 1, &[]);
        stage
            .run("Finding packages to compile", |_| async { Ok(()) })
            .await?;
        compile::sweep(self.engine, self.task, self.row.id).await?;
        let compiled = compile::all(
            self.engine,
            self.task,
            &input,
            &draft,
            self.row.id,
            &self.variables,
        )
        .await?;
        let mut decided = Decided {
            files,
            changes: BTreeMap::new(),
            packages: BTreeMap::new(),
            links,
        };
        self.decide(&known, &draft, &compiled, &mut decided).await?;
        Ok(Some(Ready {
            known,
            draft,
            decided,
            text,
        }))
    }

    /// Reads everything.
    async fn prepare(&self) -> Result<(Known, String), Error> {
        let (engine, wanted) = (self.engine, self.wanted);
        let text = match (&wanted.manifest, &self.row.manifest_text) {
            (Some(text), _) => text.clone(),
            (None, Some(text)) => text.clone(),
            (None, None) => {
                return Err(Error::refused(
                    440_001,
                    format!("Deployment '{}' was never deployed", self.row.name),
                ));
            }
        };
        let mut row = self.row.clone();
        let is_whole = matches!(self.scope, Scope::All);
        row.links_serial_id = if is_whole && wanted.change.is_none() {
            deployments::next_links_serial(engine.store.pool(), row.id).await?
        } else {
            row.links_serial_id
        };
        if is_whole {
            self.generate(&text).await?;
        }
        let options = UpdateOptions {
            canaries: wanted.canaries.clone(),
            max_in_flight: wanted.max_in_flight.clone(),
            default_vm_strategy: None,
        };
        let asked = Asked {
            text: &text,
            cloud_configs: &wanted.cloud_configs,
            runtime_configs: &wanted.runtime_configs,
            options: &options,
            again: wanted.manifest.is_none(),
        };
        let documents = documents::read(engine, &row, &asked, &self.variables).await?;
        let releases = inputs::releases_of(engine, &documents.deployment).await?;
        let cpis = Cpis::read(engine, self.task).await?;
        cpis.check(&documents.deployment, &documents.cloud)?;
        let mut stemcells = documents::stemcells_of(engine, &documents.deployment).await?;
        for stemcell in &mut stemcells {
            cpis.inherit(stemcell);
        }
        self.refer(&releases, &stemcells).await?;
        let rows = Rows::read(engine, row.id).await?;
        let asked = self.asked(&rows);
        let states = if self.silent {
            inputs::silent(&asked)
        } else {
            inputs::agent_states(engine, self.task, &asked, wanted.fix).await?
        };
        let ids = inputs::name_ids(engine, &row, &documents.deployment, &releases).await?;
        let mut tags = Map::new();
        for config in &documents.runtime {
            tags.extend(warren_director_plan::json::from_mapping(&config.tags));
        }
        let known = Known {
            director: inputs::director(engine),
            existing: inputs::existing(&rows, &states),
            releases,
            stemcells,
            rows,
            states,
            taken: inputs::taken(engine).await?,
            providers: inputs::providers(engine, &row.name).await?,
            ids,
            options: Options {
                recreate: wanted.recreate,
                recreate_before: created_before(wanted)?,
                recreate_persistent_disks: wanted.recreate_persistent_disks,
                fix: wanted.fix,
                change: wanted
                    .change
                    .as_ref()
                    .map(|change| warren_director_plan::StateChange {
                        state: change.state.clone(),
                        group: change.job.clone(),
                        id: change.id.clone(),
                    }),
                tags,
            },
            documents,
            errands: Vec::new(),
        };
        let mut known = known;
        if let Scope::Errand(name) = &self.scope {
            known.errands = super::run_errand::groups_to_make(&known, name)?;
        }
        Ok((known, text))
    }

    /// Rows of the instances whose agents must answer.
    fn asked(&self, rows: &Rows) -> Rows {
        let mut asked = rows.clone();
        asked.instances.retain(|row| match &self.scope {
            Scope::All => true,
            Scope::Instance(id) => row.uuid == *id,
            // An errand on other groups is asked of their agents itself.
            Scope::Errand(_) => row
                .spec
                .as_deref()
                .and_then(|spec| serde_json::from_str::<Value>(spec).ok())
                .is_some_and(|spec| spec["lifecycle"] == "errand"),
        });
        asked
    }

    /// Makes the variables of the manifest first, so that all of it may use them.
    async fn generate(&self, text: &str) -> Result<(), Error> {
        let manifest = read_manifest(text, "manifest")?;
        let Some(list) = manifest.get("variables").and_then(|value| value.as_seq()) else {
            return Ok(());
        };
        let converge = manifest
            .get("features")
            .and_then(|features| features.get("converge_variables"))
            .is_some_and(|value| matches!(value, warren_wire_manifest::yaml::Value::Bool(true)));
        let text_of = |value: &warren_wire_manifest::yaml::Value, key: &str| {
            value
                .get(key)
                .and_then(|value| value.as_str())
                .map(ToOwned::to_owned)
        };
        let wanted: Vec<Variable> = list
            .iter()
            .filter_map(|value| {
                let map = |key: &str| value.get(key).and_then(|value| value.as_map()).cloned();
                Some(Variable {
                    name: text_of(value, "name")?,
                    kind: text_of(value, "type")?,
                    options: map("options").unwrap_or_default(),
                    update_mode: text_of(value, "update_mode"),
                    update_strategy: None,
                    consumes: map("consumes").unwrap_or_default(),
                })
            })
            .collect();
        self.variables.generate(self.task, &wanted, converge).await
    }

    /// Keeps releases and stemcells from being deleted while they are used.
    async fn refer(&self, releases: &[Release], stemcells: &[Stemcell]) -> Result<(), Error> {
        let mut tx = self.engine.store.begin().await?;
        let ids: Vec<i64> = releases.iter().map(|release| release.id).collect();
        let what = deployments::Reference::ReleaseVersion;
        deployments::refer(&mut tx, self.row.id, what, &ids).await?;
        let ids: Vec<i64> = stemcells
            .iter()
            .flat_map(|one| one.ids.values().copied())
            .collect();
        let what = deployments::Reference::Stemcell;
        deployments::refer(&mut tx, self.row.id, what, &ids).await?;
        disks::commit(tx).await
    }

    /// Plans, gives new instances their rows and addresses, and plans again with those.
    async fn plan(
        &self,
        known: &mut Known,
    ) -> Result<(Draft, BTreeMap<(usize, usize), Vec<i64>>), Error> {
        for _ in 0..20 {
            let draft = assemble(&known.input())?;
            if self.settle(known, &draft).await? {
                let links = self.save_links(&draft).await?;
                return Ok((draft, links));
            }
            known.rows = Rows::read(self.engine, self.row.id).await?;
            known.existing = inputs::existing(&known.rows, &known.states);
            known.taken = inputs::taken(self.engine).await?;
        }
        Err(Error::refused(
            130_011,
            "Addresses were taken by other deployments again and again",
        ))
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

    /// Compares what is wanted with what there is.
    async fn decide(
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
        // One whose last update did not come to its end is made anew whatever its age.
        let is_young = known.options.recreate_before.is_some_and(|before| {
            *row.update_completed && machine.is_some_and(|vm| vm.created_at >= before)
        });
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

/// The time before which machines must have been made to be made anew, Unix time.
fn created_before(wanted: &Deploy) -> Result<Option<i64>, Error> {
    let Some(text) = &wanted.recreate_vms_created_before else {
        return Ok(None);
    };
    let format = &time::format_description::well_known::Rfc3339;
    time::OffsetDateTime::parse(text, format)
        .map(|time| Some(time.unix_timestamp()))
        .map_err(|error| {
            Error::refused(
                40_005,
                format!("'recreate_vms_created_before' is no time: '{text}': {error}"),
            )
        })
}

/// Whether an instance is of an errand and has no machine: it gets one when the errand is run.
fn is_idle_errand(known: &Known, group: &Group, plan: &InstancePlan) -> bool {
    group.lifecycle == Lifecycle::Errand
        && !known.errands.contains(&group.name)
        && plan
            .existing
            .is_none_or(|at| known.existing.instances[at].vm.is_none())
}
