//! Which container is which instance.
//!
//! The director answers that without asking any agent, and so without a task that somebody has to work on.
//! Where it does not answer, machines are asked themselves: the agent keeps the last spec that was applied in
//! `/var/vcap/bosh/spec.json`.

use std::path::Path;
use std::thread::scope;
use std::time::Duration;

use serde::Deserialize;
use warren_director_client::{Director, Method, path_segment};
use warren_garden_client::Streams;

use crate::boot::Access;
use crate::container::run;
use crate::status::patience::within;
use crate::status::said;
use crate::{Level, Record};

/// How long the director, and each machine, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is read of a spec.
const LONGEST: usize = 4 << 20;

/// An instance that has a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Named {
    /// Whose it is.
    pub deployment: String,
    /// Of which group.
    pub group: String,
    /// Its number in the group.
    pub index: Option<i64>,
    /// Its identity.
    pub id: Option<String>,
    /// The container.
    pub cid: String,
}

impl Named {
    /// `DEPLOYMENT/GROUP/INDEX`.
    pub(crate) fn full_name(&self) -> String {
        let (deployment, group) = (&self.deployment, &self.group);
        match (self.index, &self.id) {
            (Some(index), _) => format!("{deployment}/{group}/{index}"),
            (None, Some(id)) => format!("{deployment}/{group}/{id}"),
            (None, None) => format!("{deployment}/{group}"),
        }
    }

    /// Whether this is one of its names.
    pub(crate) fn is(&self, name: &str) -> bool {
        let index = self.index.map(|index| index.to_string());
        let mut numbers = index.iter().chain(&self.id);
        self.id.as_deref() == Some(name)
            || numbers.any(|number| {
                let short = format!("{}/{number}", self.group);
                name == short || name == format!("{}/{short}", self.deployment)
            })
    }
}

/// What is known of instances.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Those that have a container.
    pub found: Vec<Named>,
    /// Why the director tells nothing, if that is so.
    pub silent: Option<String>,
}

/// All of an environment.
pub(crate) fn all(home: &Path, record: &Record, inner: &Level) -> Known {
    let director = Access::of(home, record).and_then(|access| access.director());
    let told = director.map_err(|error| said(&error)).and_then(|director| {
        let asked = within(PATIENCE, move || by_director(&director));
        asked.and_then(|told| told)
    });
    match told {
        Ok(found) => Known {
            found,
            silent: None,
        },
        Err(why) => Known {
            found: by_themselves(inner),
            silent: Some(why),
        },
    }
}

/// A row of `GET /deployments/NAME/vms`.
#[derive(Deserialize)]
struct Vm {
    cid: Option<String>,
    job: Option<String>,
    index: Option<i64>,
    id: Option<String>,
    active: Option<bool>,
}

fn by_director(director: &Director) -> Result<Vec<Named>, String> {
    let mut all = Vec::new();
    for deployment in director.deployments(false).map_err(|error| said(&error))? {
        let path = format!("/deployments/{}/vms", path_segment(&deployment.name));
        let answer = director.raw(Method::Get, &path, &[], Vec::new());
        let answer = answer.map_err(|error| said(&error))?;
        if answer.status != 200 {
            return Err(format!("GET {path}: status {}", answer.status));
        }
        let vms: Vec<Vm> =
            serde_json::from_slice(&answer.body).map_err(|error| format!("GET {path}: {error}"))?;
        // One that is being replaced has the name of that which comes.
        let vms = vms.into_iter().filter(|vm| vm.active != Some(false));
        all.extend(vms.filter_map(|vm| {
            Some(Named {
                deployment: deployment.name.clone(),
                group: vm.job?,
                index: vm.index,
                id: vm.id,
                cid: vm.cid?,
            })
        }));
    }
    Ok(all)
}

/// The part of an agent's spec that tells who it is.
#[derive(Deserialize)]
struct Spec {
    deployment: String,
    // Older directors name the group here alone.
    job: Option<Job>,
    name: Option<String>,
    index: Option<i64>,
    id: Option<String>,
}

#[derive(Deserialize)]
struct Job {
    name: String,
}

/// What machines say that answer; others have no name then.
fn by_themselves(inner: &Level) -> Vec<Named> {
    let garden = inner.garden();
    let handles = within(PATIENCE, move || garden.list(&Default::default()));
    let handles = handles.map_or_else(|_| Vec::new(), Result::unwrap_or_default);
    let ask = |handle: &String| {
        let script = format!("head -c {LONGEST} /var/vcap/bosh/spec.json");
        let (level, handle) = (inner.clone(), handle.clone());
        let asked = within(PATIENCE, move || {
            let text = run(&level, &handle, &script, Streams::default());
            named(&text.ok()?, &handle)
        });
        asked.ok().flatten()
    };
    scope(|scope| {
        let asking: Vec<_> = handles
            .iter()
            .map(|handle| scope.spawn(move || ask(handle)))
            .collect();
        let answers = asking.into_iter().filter_map(|one| one.join().ok()?);
        answers.collect()
    })
}

fn named(spec: &str, handle: &str) -> Option<Named> {
    let spec: Spec = serde_json::from_str(spec).ok()?;
    Some(Named {
        deployment: spec.deployment,
        group: spec.name.or(spec.job.map(|job| job.name))?,
        index: spec.index,
        id: spec.id,
        cid: handle.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_tells_who_it_is() {
        let spec = r#"{"deployment": "small", "job": {"name": "web"}, "name": "web", "index": 0,
                       "id": "0a-1", "az": "z1", "networks": {}}"#;
        let one = named(spec, "handle").unwrap();
        assert_eq!(one.full_name(), "small/web/0");
        for name in ["web/0", "web/0a-1", "small/web/0", "small/web/0a-1", "0a-1"] {
            assert!(one.is(name), "{name}");
        }
        for name in ["web", "web/1", "other/web/0", "small/web", "small", ""] {
            assert!(!one.is(name), "{name}");
        }
        // A machine that nothing was applied to has none of it.
        for spec in ["", "{}", r#"{"deployment": "small"}"#] {
            assert_eq!(named(spec, "handle"), None, "{spec}");
        }
    }
}
