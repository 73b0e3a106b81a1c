//! What a plan follows from: documents, rows, and what agents say; read, with all variables made first.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use warren_director_plan::machine::Sizes;
use warren_director_plan::{Options, Release, Stemcell};
use warren_director_store::deployments;
use warren_director_store::work::Deploy;
use warren_wire_manifest::deployment::{Deployment, UpdateOptions};

use super::generate::Later;
use super::{DeployTask, Known, Scope};
use crate::cpis::Cpis;
use crate::documents::{self, Asked, Documents};
use crate::inputs::{self, Rows};
use crate::jobs::run_errand;
use crate::{Error, disks, lock, vm};

impl DeployTask<'_> {
    /// Reads everything.
    pub(super) async fn prepare(&self) -> Result<(Known, String), Error> {
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
        let later = match is_whole {
            true => self.generate(&asked).await?,
            false => Later::default(),
        };
        let documents = documents::read(engine, &row, &asked, &self.variables).await?;
        let cpis = Cpis::read(engine, self.task).await?;
        cpis.check(&documents.deployment, &documents.cloud)?;
        let (releases, stemcells) = self.bind(&documents.deployment, &cpis).await?;
        if is_whole && !wanted.dry_run {
            self.sweep().await?;
        }
        let rows = Rows::read(engine, row.id).await?;
        let asked = self.asked(&rows);
        let mut states = if self.silent {
            inputs::silent(&asked)
        } else {
            inputs::agent_states(engine, self.task, &asked, wanted.fix).await?
        };
        if is_whole {
            states.extend(inputs::spare_states(engine, self.task, &rows).await?);
        }
        let ids = inputs::name_ids(engine, &row, &documents.deployment, &releases).await?;
        let mut tags = Map::new();
        for config in &documents.runtime {
            tags.extend(warren_director_plan::json::from_mapping(&config.tags));
        }
        let known = Known {
            director: inputs::director(engine),
            existing: self.existing(&rows, &states).await?,
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
                may_swap: is_whole,
                tags,
            },
            sizes: self.sizes(&documents).await?,
            documents,
            later,
            resolved: BTreeMap::new(),
            errands: Vec::new(),
        };
        let mut known = known;
        if let Scope::Errand(name) = &self.scope {
            known.errands = run_errand::groups_to_make(&known, name)?;
        }
        Ok((known, text))
    }

    /// Asks CPIs what they make of the sizes of machines.
    async fn sizes(&self, documents: &Documents) -> Result<Sizes, Error> {
        let mut sizes = Sizes::default();
        for (cpi, size) in Sizes::wanted(&documents.deployment, &documents.cloud) {
            let asked = self.engine.cpi_named(self.task, &cpi).await?;
            let made = asked.calculate_vm_cloud_properties(size.clone()).await?;
            sizes.add(&cpi, &size, made);
        }
        Ok(sizes)
    }

    /// Deletes machines that were left half made beside those whose place they were to take.
    async fn sweep(&self) -> Result<(), Error> {
        let rows = Rows::read(self.engine, self.row.id).await?;
        for vm in rows.vms.iter().filter(|vm| !*vm.active && !*vm.spare) {
            let instance = rows.instances.iter().find(|row| row.id == vm.instance_id);
            if let Some(instance) = instance.filter(|row| rows.vm_of(row.id).is_some()) {
                vm::delete(self.engine, self.task, vm, &instance.name()).await?;
            }
        }
        Ok(())
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

    /// Finds releases and stemcells, and keeps them. While a release is uploaded or deleted it is waited
    /// for, but not for the sake of one instance, which has it already.
    async fn bind(
        &self,
        wanted: &Deployment,
        cpis: &Cpis,
    ) -> Result<(Vec<Release>, Vec<Stemcell>), Error> {
        let bound = async {
            let releases = inputs::releases_of(self.engine, wanted).await?;
            let mut stemcells = documents::stemcells_of(self.engine, wanted).await?;
            for stemcell in &mut stemcells {
                cpis.inherit(stemcell);
            }
            self.refer(&releases, &stemcells).await?;
            Ok((releases, stemcells))
        };
        let names = wanted.releases.iter();
        let locks = match self.scope {
            Scope::Instance(_) => BTreeSet::new(),
            _ => names
                .map(|one| format!("lock:release:{}", one.name))
                .collect(),
        };
        lock::with_all(self.task, &locks, lock::RELEASE_PATIENCE, bound).await
    }

    /// Keeps releases and stemcells from being deleted while they are used.
    async fn refer(&self, releases: &[Release], stemcells: &[Stemcell]) -> Result<(), Error> {
        let mut tx = self.engine.store.begin().await?;
        let mut sorted: Vec<&Release> = releases.iter().collect();
        sorted.sort_by_key(|release| release.id);
        for release in &sorted {
            // Somebody may have begun to delete it since it was read.
            if !warren_director_store::releases::hold(&mut tx, release.id).await? {
                return Err(inputs::no_release(&release.name, &release.version));
            }
        }
        let ids: Vec<i64> = sorted.iter().map(|release| release.id).collect();
        let what = deployments::Reference::ReleaseVersion;
        deployments::refer(&mut tx, self.row.id, what, &ids).await?;
        let ids: BTreeMap<i64, &Stemcell> = stemcells
            .iter()
            .flat_map(|one| one.ids.values().map(move |id| (*id, one)))
            .collect();
        for (id, stemcell) in &ids {
            if !warren_director_store::stemcells::hold(&mut tx, *id).await? {
                let (name, version) = (&stemcell.name, &stemcell.version);
                let text = format!("Stemcell '{name}/{version}' doesn't exist");
                return Err(Error::refused(50_003, text));
            }
        }
        let ids: Vec<i64> = ids.into_keys().collect();
        let what = deployments::Reference::Stemcell;
        deployments::refer(&mut tx, self.row.id, what, &ids).await?;
        disks::commit(tx).await
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
