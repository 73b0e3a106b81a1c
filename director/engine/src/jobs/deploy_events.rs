//! A deploy as `bosh events` tells it: what the deployment was made of, and what it is made of then.
//!
//! ```text
//! create|update deployment D            when it begins
//! create|update deployment D < begin    {"before": {releases, stemcells}, "after": {...}}, or the error
//! ```
//!
//! Source: recorded events of a stock director.

use serde_json::{Map, Value, json};
use warren_director_store::deployments;

use super::planning::Known;
use crate::task::Event;
use crate::{Engine, Error, Task};

/// Releases and stemcells as events have them: `NAME/VERSION`, and no key for what there is none of.
fn artifacts(releases: Vec<String>, stemcells: Vec<String>) -> Value {
    let mut object = Map::new();
    for (key, list) in [("releases", releases), ("stemcells", stemcells)] {
        if !list.is_empty() {
            object.insert(key.to_owned(), json!(list));
        }
    }
    Value::Object(object)
}

/// What a deployment was made of when it last was deployed.
pub(super) async fn used(engine: &Engine, name: &str) -> Result<Value, Error> {
    let mut found = [Vec::new(), Vec::new()];
    let both = [
        deployments::Reference::ReleaseVersion,
        deployments::Reference::Stemcell,
    ];
    for (list, what) in found.iter_mut().zip(both) {
        for one in deployments::uses(engine.store.pool(), what).await? {
            let text = format!("{}/{}", one.name, one.version);
            // A stemcell has a row for each CPI.
            if one.deployment == name && !list.contains(&text) {
                list.push(text);
            }
        }
    }
    let [releases, stemcells] = found;
    Ok(artifacts(releases, stemcells))
}

/// What a deployment will be made of.
pub(super) fn wanted(known: &Known) -> Value {
    let mut releases: Vec<String> = known
        .releases
        .iter()
        .map(|one| format!("{}/{}", one.name, one.version))
        .collect();
    let mut stemcells: Vec<String> = known
        .stemcells
        .iter()
        .map(|one| format!("{}/{}", one.name, one.version))
        .collect();
    // In the order of [`used`].
    releases.sort();
    stemcells.sort();
    stemcells.dedup();
    artifacts(releases, stemcells)
}

/// Records the beginning of a deploy, or its end; the answer is the event's key.
pub(super) async fn record(
    task: &Task,
    action: &str,
    name: &str,
    parent: Option<i64>,
    error: Option<&str>,
    context: Option<Value>,
) -> Result<i64, Error> {
    task.event(Event {
        parent,
        action,
        object_type: "deployment",
        object_name: Some(name),
        deployment: Some(name),
        error,
        context,
        ..Event::default()
    })
    .await
}
