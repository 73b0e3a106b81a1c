//! Which instances a request means, with their machines.

use serde_json::{Map, Value};
use warren_director_plan::json::from_mapping;
use warren_director_store::instances::Instance;
use warren_director_store::vms::Vm;
use warren_director_store::{deployments, instances, vms};

use super::update_instance;
use crate::{Engine, Error, Task, documents};

/// A deployment that must be there.
pub async fn deployment(engine: &Engine, name: &str) -> Result<deployments::Deployment, Error> {
    deployments::find(engine.store.pool(), name)
        .await?
        .ok_or_else(|| Error::refused(70_000, format!("Deployment '{name}' doesn't exist")))
}

/// What machines and disks of a group are tagged with, as the deployment was last deployed. Who repairs them
/// is not kept from it by documents that cannot be read any more.
pub async fn tags(
    engine: &Engine,
    task: &Task,
    deployment: &deployments::Deployment,
    group: &str,
) -> Map<String, Value> {
    let read = async {
        let variables = update_instance::variables(engine, deployment).await?;
        documents::last(engine, deployment, &variables).await
    };
    let documents = match read.await {
        Ok(documents) => documents,
        Err(error) => {
            task.log(&format!("no tags are known: {}", error.story()));
            return Map::new();
        }
    };
    let mut tags = Map::new();
    for config in &documents.runtime {
        tags.extend(from_mapping(&config.tags));
    }
    tags.extend(from_mapping(&documents.deployment.tags));
    let mut groups = documents.deployment.instance_groups.iter();
    if let Some(group) = groups.find(|one| one.name == group) {
        tags.extend(from_mapping(&group.tags));
    }
    tags
}

/// Whether an instance is meant by an index or an id.
pub fn is(row: &Instance, id: &str) -> bool {
    row.uuid == id || id.parse::<i64>() == Ok(row.index_number)
}

/// The instances of a deployment that a request means, each with the machine that counts. No group
/// means all of them; no ids mean all of a group.
///
/// # Errors
/// Code 70001 if none is meant, 70004 if one that is named has no machine or none has one.
pub async fn with_machines(
    engine: &Engine,
    deployment: &deployments::Deployment,
    group: Option<&str>,
    ids: &[String],
) -> Result<Vec<(Instance, Vm)>, Error> {
    let pool = engine.store.pool();
    let mut rows = instances::of_deployment(pool, deployment.id).await?;
    rows.retain(|row| {
        !*row.compilation
            && group.is_none_or(|group| row.job == group)
            && (ids.is_empty() || ids.iter().any(|id| is(row, id)))
    });
    let shown = || {
        let group = group.unwrap_or("*");
        let ids = if ids.is_empty() {
            "*".to_owned()
        } else {
            ids.join(",")
        };
        format!("'{}/{group}/{ids}'", deployment.name)
    };
    if rows.is_empty() {
        return Err(Error::refused(
            70_001,
            format!("Instance {} doesn't exist", shown()),
        ));
    }
    let machines = vms::of_deployment(pool, deployment.id).await?;
    let mut found = Vec::new();
    for row in rows {
        let machine = machines
            .iter()
            .find(|vm| vm.instance_id == row.id && *vm.active && vm.cid.is_some());
        match machine {
            Some(vm) => found.push((row, vm.clone())),
            None if !ids.is_empty() => {
                return Err(Error::refused(
                    70_004,
                    format!("'{}' doesn't reference a VM", row.name()),
                ));
            }
            // An errand that is not run now has none.
            None => {}
        }
    }
    if found.is_empty() {
        return Err(Error::refused(
            70_004,
            format!("No instance of {} has a VM", shown()),
        ));
    }
    Ok(found)
}
