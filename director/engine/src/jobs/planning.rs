//! What tasks have in common that are planned as a deploy is: read, plan, render, compile, compare.
//!
//! ```text
//! prepare ── plan ◄─► rows and addresses ── render ── compile ── changes of each instance
//! ```
//!
//! A deploy goes on with all of it, an errand with its groups, an action with its instance.

mod decide;
mod generate;
mod prepare;
mod settle;
mod then;

use std::collections::BTreeMap;

use serde_json::Value;
use warren_director_plan::changes::Change;
use warren_director_plan::machine::Sizes;
use warren_director_plan::{
    AgentState, Draft, Existing, Group, Input, InstancePlan, Options, Release, Stemcell, Taken,
};
use warren_director_store::work::Deploy;
use warren_director_store::{deployments, ips};
use warren_wire_manifest::deployment::Lifecycle;

use crate::documents::Documents;
use crate::event_log::Stage;
use crate::inputs::Rows;
use crate::render::{self, Files};
use crate::variables::Variables;
use crate::{Engine, Error, Task, compile};

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
    /// Cloud properties of machines, resolved, by id of the instance.
    resolved: BTreeMap<String, Value>,
    /// Variables that are made when links are known.
    later: generate::Later,
    /// What CPIs make of the sizes of machines.
    sizes: Sizes,
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
            resolved: &self.resolved,
            sizes: &self.sizes,
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
        let prepared = async {
            let (draft, links) = self.plan(&mut known).await?;
            self.generate_later(&known.later, &draft).await?;
            Ok((draft, links))
        };
        let (draft, links) = match prepared.await {
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
            .await;
        if files.is_err() || self.wanted.dry_run {
            self.give_back(&draft).await?;
        }
        let files = files?;
        if self.wanted.dry_run {
            return Ok(None);
        }
        let stage = Stage::new(self.task, "Preparing package compilation", 1, &[]);
        stage
            .run("Finding packages to compile", |_| async { Ok(()) })
            .await?;
        compile::sweep(self.engine, self.task, self.row.id, false).await?;
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
}

/// Whether an instance is of an errand and has no machine: it gets one when the errand is run.
fn is_idle_errand(known: &Known, group: &Group, plan: &InstancePlan) -> bool {
    group.lifecycle == Lifecycle::Errand
        && !known.errands.contains(&group.name)
        && plan
            .existing
            .is_none_or(|at| known.existing.instances[at].vm.is_none())
}
