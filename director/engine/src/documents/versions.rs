//! Which versions of releases and stemcells a manifest means: chosen out of what is there, kept from when it
//! was carried out, remembered with it.

use serde_json::{Map, Value};
use warren_director_plan::versions;
use warren_director_store::{releases, stemcells};
use warren_wire_manifest::check::instead;

use crate::{Engine, Error};

/// A manifest as it was written, with what was chosen of releases and stemcells.
pub(super) fn remembered(written: Value, chosen: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = match written {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let lists = [
        ("releases", &["name", "version"][..]),
        ("stemcells", &["alias", "os", "name", "version"]),
    ];
    for (list, keys) in lists {
        let Some(Value::Array(chosen)) = chosen.get(list) else {
            continue;
        };
        let mut all = match kept.remove(list) {
            Some(Value::Array(all)) if all.len() == chosen.len() => all,
            // A variable stands for all of them.
            _ => vec![Value::Null; chosen.len()],
        };
        for (one, chosen) in all.iter_mut().zip(chosen) {
            if !one.is_object() {
                *one = Value::Object(Map::new());
            }
            for key in keys.iter().filter(|key| chosen.get(key).is_some()) {
                one[*key] = chosen[*key].clone();
            }
        }
        kept.insert(list.to_owned(), Value::Array(all));
    }
    kept
}

/// Puts the versions of a manifest that was carried out in the place of those that are asked for.
pub(super) fn keep_versions(manifest: &mut Map<String, Value>, deployed: &str) {
    let Ok(deployed) = serde_json::from_str::<Value>(deployed) else {
        return;
    };
    for (list, key) in [("releases", "name"), ("stemcells", "alias")] {
        let Some(Value::Array(wanted)) = manifest.get_mut(list) else {
            continue;
        };
        let then = deployed.get(list).and_then(Value::as_array);
        for one in wanted {
            let same = then
                .into_iter()
                .flatten()
                .find(|other| other.get(key).is_some() && other.get(key) == one.get(key));
            if let Some(version) = same.and_then(|other| other.get("version")) {
                one["version"] = version.clone();
            }
        }
    }
}

/// Puts exact versions in the place of `latest`.
pub(super) async fn choose_versions(
    engine: &Engine,
    manifest: &mut Map<String, Value>,
) -> Result<(), Error> {
    if let Some(Value::Array(list)) = manifest.get_mut("releases") {
        for release in list {
            let (Some(name), Some(wanted)) = (text(release, "name"), text(release, "version"))
            else {
                continue;
            };
            let there = releases::versions(engine.store.pool(), &name).await?;
            if there.is_empty() {
                return Err(Error::refused(
                    30_005,
                    format!("Release '{name}' doesn't exist: it has to be uploaded first"),
                ));
            }
            // One that is being uploaded or deleted is not there; nor is what came of that if it failed.
            let whole = there.iter().filter(|one| *one.update_completed);
            let whole: Vec<&str> = whole.map(|one| one.version.as_str()).collect();
            let chosen = versions::choose(&wanted, whole.iter().copied()).ok_or_else(|| {
                let has = instead("the director", whole);
                Error::refused(
                    30_006,
                    format!("Release version '{name}/{wanted}' doesn't exist{has}"),
                )
            })?;
            release["version"] = Value::from(chosen);
        }
    }
    let all = stemcells::list(engine.store.pool()).await?;
    if let Some(Value::Array(list)) = manifest.get_mut("stemcells") {
        for stemcell in list {
            let Some(wanted) = text(stemcell, "version") else {
                continue;
            };
            let (name, os) = (text(stemcell, "name"), text(stemcell, "os"));
            let fits = |one: &&stemcells::Stemcell| {
                !*one.going
                    && name.as_ref().is_none_or(|name| *name == one.name)
                    && os.as_ref().is_none_or(|os| *os == one.operating_system)
            };
            let chosen = versions::choose(
                &wanted,
                all.iter().filter(fits).map(|one| one.version.as_str()),
            )
            .ok_or_else(|| {
                let there = all.iter().filter(|one| !*one.going);
                let there: Vec<String> = there
                    .map(|one| format!("{}/{} ({})", one.name, one.version, one.operating_system))
                    .collect();
                let has = instead("the director", there.iter().map(String::as_str));
                let wished = name.or(os).unwrap_or_default();
                Error::refused(
                    50_003,
                    format!("Stemcell '{wished}' version '{wanted}' does not exist{has}"),
                )
            })?;
            stemcell["version"] = Value::from(chosen);
        }
    }
    Ok(())
}

/// A text, or a number as one.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
