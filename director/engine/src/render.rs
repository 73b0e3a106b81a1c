//! Templates of all instances, filled in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::{OnceCell, Semaphore};
use warren_director_plan::Group;
use warren_director_plan::spec::Rendered;
use warren_director_plan::{Draft, Input, InstancePlan, JobPlan, spec};
use warren_director_templates::{
    Context, JobArchive, LinkValues, RenderedJob, configuration_hash, render, template_hash,
};

use crate::many::join_all;
use crate::variables::Variables;
use crate::{Engine, Error, Task};

/// How many instances are rendered at once: a few for each Ruby worker, so that none waits for variables to
/// be looked up, and not so many that all their properties are in memory.
const AT_ONCE: usize = 8;
/// More than the archive of any job.
const ARCHIVE_LIMIT: u64 = 256 << 20;

/// The rendered jobs of an instance.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// In the order of the group's jobs.
    pub jobs: Vec<RenderedJob>,
    /// Hashes, without an archive yet.
    pub hashes: Rendered,
}

/// Archives of jobs, each read once for a task.
#[derive(Default)]
pub struct Archives {
    known: std::sync::Mutex<BTreeMap<String, Arc<OnceCell<Arc<JobArchive>>>>>,
}

impl Archives {
    async fn get(&self, engine: &Engine, name: &str, blob: &str) -> Result<Arc<JobArchive>, Error> {
        let cell = {
            let mut known = self
                .known
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(known.entry(blob.to_owned()).or_default())
        };
        let archive = cell
            .get_or_try_init(|| async {
                let bytes = engine.blobs.read(blob, ARCHIVE_LIMIT).await?;
                Ok::<_, Error>(Arc::new(JobArchive::read(name, &bytes)?))
            })
            .await?;
        Ok(Arc::clone(archive))
    }
}

/// Renders the templates of all instances of a draft: by id of the instance. What is wrong is told all
/// at once, in stock's tree of messages.
///
/// # Errors
/// Code 100 with that tree.
pub async fn all(
    engine: &Engine,
    task: &Task,
    input: &Input<'_>,
    draft: &Draft,
    variables: &Variables,
) -> Result<BTreeMap<String, Files>, Error> {
    let archives = Archives::default();
    let turns = Semaphore::new(AT_ONCE);
    let (archives, turns) = (&archives, &turns);
    let each = draft.groups.iter().flat_map(|group| {
        group.instances.iter().map(move |instance| async move {
            let _turn = turns.acquire().await;
            task.check()?;
            let known = reported_networks(input, instance);
            one(engine, input, group, instance, &known, variables, archives).await
        })
    });
    // What is wrong is told in the order of the manifest, whoever was first.
    let mut all = join_all(each.collect()).await.into_iter();
    let mut rendered = BTreeMap::new();
    let mut failures: Vec<String> = Vec::new();
    for group in &draft.groups {
        let mut of_group: Vec<String> = Vec::new();
        for (instance, done) in group.instances.iter().zip(&mut all) {
            match done? {
                Ok(files) => {
                    rendered.insert(instance.uuid.clone(), files);
                }
                Err(errors) => {
                    for error in errors {
                        if !of_group.contains(&error) {
                            of_group.push(error);
                        }
                    }
                }
            }
        }
        if !of_group.is_empty() {
            failures.push(format!(
                "- Unable to render jobs for instance group '{}'. Errors are:\n{}",
                group.name,
                of_group
                    .iter()
                    .map(|error| format!("  - {}", error.replace('\n', "\n  ")))
                    .collect::<Vec<_>>()
                    .join("\n")
            ));
        }
    }
    if failures.is_empty() {
        return Ok(rendered);
    }
    let tree: Vec<String> = failures
        .iter()
        .map(|failure| format!("  {}", failure.replace('\n', "\n  ")))
        .collect();
    Err(Error::refused(
        100,
        format!(
            "Unable to render instance groups for deployment. Errors are:\n{}",
            tree.join("\n")
        ),
    ))
}

/// What an agent has reported of networks that the director does not know the addresses of.
pub fn reported_networks(input: &Input<'_>, instance: &InstancePlan) -> Map<String, Value> {
    let Some(at) = instance.existing else {
        return Map::new();
    };
    let existing = &input.existing.instances[at];
    let said = match &existing.agent {
        warren_director_plan::AgentState::Says(state) => state.get("networks"),
        _ => None,
    };
    said.or_else(|| existing.spec.as_ref().and_then(|spec| spec.get("networks")))
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

/// Renders one instance: the inner error is what its templates say.
pub async fn one(
    engine: &Engine,
    input: &Input<'_>,
    group: &Group,
    instance: &InstancePlan,
    known: &Map<String, Value>,
    variables: &Variables,
    archives: &Archives,
) -> Result<Result<Files, Vec<String>>, Error> {
    let mut jobs = Vec::new();
    let mut errors = Vec::new();
    let mut hashes = Rendered::default();
    for plan in &group.jobs {
        let job = &input.releases[plan.release].jobs[plan.job];
        let archive = archives.get(engine, &job.name, &job.blobstore_id).await?;
        let spec = spec::template(input, group, instance, plan, known);
        let resolved = match resolved(plan, spec, variables).await {
            Ok(resolved) => resolved,
            Err(error) if error.code() == 70_011 => return Err(error),
            Err(error) => {
                errors.push(format!(
                    "Unable to render templates for job '{}'. Errors are:\n  - {}",
                    job.name,
                    error.story().replace('\n', "\n  ")
                ));
                continue;
            }
        };
        let [properties, links, spec] = resolved;
        let context = Context {
            spec: spec.as_object().cloned().unwrap_or_default(),
            properties: properties.as_object().cloned().unwrap_or_default(),
            links: link_values(links)?,
        };
        let templates: BTreeMap<String, String> = job.spec.templates.iter().cloned().collect();
        match render(&engine.templates, &job.name, &archive, &templates, &context).await {
            Ok(mut files) => {
                files.add_links(plan.provides.clone());
                hashes
                    .template_hashes
                    .insert(job.name.clone(), template_hash(&files));
                jobs.push(files);
            }
            Err(error @ warren_director_templates::Error::Templates { .. }) => {
                errors.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    if !errors.is_empty() {
        return Ok(Err(errors));
    }
    hashes.configuration_hash = configuration_hash(&jobs);
    Ok(Ok(Files { jobs, hashes }))
}

/// Properties, links and `spec` of a job's templates without placeholders. Links of other deployments
/// have theirs.
async fn resolved(
    plan: &JobPlan,
    spec: Map<String, Value>,
    variables: &Variables,
) -> Result<[Value; 3], Error> {
    let (foreign, own): (Map<_, _>, Map<_, _>) = plan
        .links
        .clone()
        .into_iter()
        .partition(|(name, _)| plan.providers.contains_key(name));
    let documents = [
        Value::Object(plan.properties.clone()),
        Value::Object(own),
        Value::Object(spec),
    ];
    let resolved = variables
        .resolve(&documents.iter().collect::<Vec<_>>())
        .await?;
    let [properties, mut links, spec] = <[Value; 3]>::try_from(resolved)
        .map_err(|_| Error::refused(100, "a document was lost while it was resolved"))?;
    for (name, link) in foreign {
        let provider = &plan.providers[&name];
        links[name] = variables.resolve_provided(provider, &link).await?;
    }
    Ok([properties, links, spec])
}

fn link_values(links: Value) -> Result<BTreeMap<String, LinkValues>, Error> {
    let Value::Object(links) = links else {
        return Ok(BTreeMap::new());
    };
    links
        .into_iter()
        .map(|(name, value)| {
            // One written by hand may have an address and nothing else.
            let mut value = value;
            if let Value::Object(map) = &mut value {
                map.entry("instances")
                    .or_insert_with(|| Value::Array(Vec::new()));
            }
            let values = serde_json::from_value(value)
                .map_err(|error| Error::other(format!("read the link {name}"), error))?;
            Ok((name, values))
        })
        .collect()
}
