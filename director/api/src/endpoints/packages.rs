//! Which packages of a release need not be sent, because the director has them.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::Response;
use warren_director_plan as plan;
use warren_director_store::{compiled_packages, packages, releases};
use warren_wire_manifest::check::{read_manifest, to_s};
use warren_wire_manifest::yaml::{Mapping, Value};

use crate::answer::json;
use crate::call::Call;
use crate::failure::Failure;
use crate::route::{Route, Takes, post};
use crate::scopes::Need;

/// How many fingerprints one query asks for.
const AT_ONCE: usize = 500;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/packages/matches", Need::Admin, sources).takes(Takes::Yaml),
        post("/packages/matches_compiled", Need::Admin, compiled).takes(Takes::Yaml),
    ]
}

/// A release's manifest as far as it is of interest here; clients send more or less of it.
struct Sent {
    name: String,
    version: String,
    packages: Vec<Package>,
}

struct Package {
    name: String,
    version: String,
    fingerprint: String,
    stemcell: String,
    dependencies: Vec<String>,
}

async fn read(call: &mut Call, key: &str) -> Result<Sent, Failure> {
    let manifest = read_manifest(&call.text().await?, "release manifest")?;
    let word = |map: &Mapping, key: &str| map.get(key).map(to_s).unwrap_or_default();
    let Some(Value::Seq(list)) = manifest.get(key) else {
        return Err(Failure::bad(
            440_001,
            format!("Manifest doesn't have a usable packages section: there is no list '{key}'"),
        ));
    };
    let packages = list.iter().filter_map(Value::as_map).map(|package| {
        let dependencies = package.get("dependencies").and_then(Value::as_seq);
        Package {
            name: word(package, "name"),
            version: word(package, "version"),
            fingerprint: word(package, "fingerprint"),
            stemcell: word(package, "stemcell"),
            dependencies: dependencies.unwrap_or_default().iter().map(to_s).collect(),
        }
    });
    Ok(Sent {
        name: word(&manifest, "name"),
        version: word(&manifest, "version"),
        packages: packages.collect(),
    })
}

/// Whether an upload of this very version broke off: then everything is sent again.
async fn is_half_uploaded(call: &Call, sent: &Sent) -> Result<bool, Failure> {
    let pool = call.api.store.pool();
    let found = releases::find_version(pool, &sent.name, &sent.version).await?;
    Ok(found.is_some_and(|version| !*version.update_completed))
}

/// Rows with one of the fingerprints.
async fn known(call: &Call, sent: &Sent) -> Result<Vec<packages::Package>, Failure> {
    let fingerprints: BTreeSet<&String> =
        sent.packages.iter().map(|one| &one.fingerprint).collect();
    let fingerprints: Vec<String> = fingerprints
        .into_iter()
        .filter(|fingerprint| !fingerprint.is_empty())
        .cloned()
        .collect();
    let mut rows = Vec::new();
    for some in fingerprints.chunks(AT_ONCE) {
        rows.extend(packages::with_fingerprints(call.api.store.pool(), some).await?);
    }
    Ok(rows)
}

async fn sources(mut call: Call) -> Result<Response, Failure> {
    let sent = read(&mut call, "packages").await?;
    if is_half_uploaded(&call, &sent).await? {
        return json(&[(); 0]);
    }
    let rows = known(&call, &sent).await?;
    let with_source = rows.into_iter().filter(|row| row.blobstore_id.is_some());
    json(
        &with_source
            .map(|row| row.fingerprint)
            .collect::<BTreeSet<_>>(),
    )
}

/// As with sources, but what counts is a compiled package of the same name, for the same stemcell and
/// compiled with the same; a fingerprint that anything still needs is withheld.
async fn compiled(mut call: Call) -> Result<Response, Failure> {
    let sent = read(&mut call, "compiled_packages").await?;
    if is_half_uploaded(&call, &sent).await? {
        return json(&[(); 0]);
    }
    let rows = known(&call, &sent).await?;
    let release = as_planned(&sent);
    if !is_moderate(&release) {
        return Err(Failure::bad(
            440_001,
            "The packages' dependencies branch too far",
        ));
    }
    let mut matched: BTreeMap<&str, bool> = BTreeMap::new();
    for (one, planned) in sent.packages.iter().zip(&release.packages) {
        let key = plan::compile::dependency_key(&release, planned)
            .map_err(|error| Failure::bad(440_001, error.to_string()))?;
        let mut is_there = false;
        for row in &rows {
            if row.fingerprint == one.fingerprint && row.name == one.name {
                let there = compiled_packages::of_package(call.api.store.pool(), row.id).await?;
                is_there |= there.iter().any(|there| {
                    let stemcell = format!("{}/{}", there.stemcell_os, there.stemcell_version);
                    stemcell == one.stemcell && there.dependency_key == key
                });
            }
        }
        *matched.entry(&one.fingerprint).or_insert(true) &= is_there;
    }
    let matched = matched.into_iter().filter(|(_, is_there)| *is_there);
    json(
        &matched
            .map(|(fingerprint, _)| fingerprint)
            .collect::<Vec<_>>(),
    )
}

fn as_planned(sent: &Sent) -> plan::Release {
    plan::Release {
        name: sent.name.clone(),
        version: sent.version.clone(),
        id: 0,
        jobs: Vec::new(),
        packages: sent
            .packages
            .iter()
            .map(|one| plan::Package {
                id: 0,
                name: one.name.clone(),
                version: one.version.clone(),
                fingerprint: one.fingerprint.clone(),
                source: None,
                dependencies: one.dependencies.clone(),
                compiled: Vec::new(),
            })
            .collect(),
    }
}

/// How much of dependencies may be written out in all. They are written as trees, so that a few
/// packages that need each other twice in every step would fill any memory.
const MOST: u64 = 1_000_000;

/// Whether the dependencies of all packages, written out, are of a moderate size.
fn is_moderate(release: &plan::Release) -> bool {
    let places: BTreeMap<&str, usize> = release
        .packages
        .iter()
        .enumerate()
        .map(|(place, package)| (package.name.as_str(), place))
        .collect();
    // A level more in each round; if after as many rounds as there may be levels something still
    // changes, there is a circle.
    let mut sizes = vec![1_u64; release.packages.len()];
    for _ in 0..=release.packages.len().min(200) {
        let mut changed = false;
        for place in 0..sizes.len() {
            let needed = release.packages[place].dependencies.iter();
            let size = needed
                .filter_map(|name| places.get(name.as_str()))
                .fold(1_u64, |sum, needed| sum.saturating_add(sizes[*needed]));
            changed |= size != sizes[place];
            sizes[place] = size;
        }
        if sizes
            .iter()
            .fold(0_u64, |sum, size| sum.saturating_add(*size))
            > MOST
        {
            return false;
        }
        if !changed {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(count: usize, needs: impl Fn(usize) -> Vec<usize>) -> plan::Release {
        let name = |number: usize| format!("p{number}");
        as_planned(&Sent {
            name: "r".to_owned(),
            version: "1".to_owned(),
            packages: (0..count)
                .map(|number| Package {
                    name: name(number),
                    version: name(number),
                    fingerprint: name(number),
                    stemcell: String::new(),
                    dependencies: needs(number).into_iter().map(name).collect(),
                })
                .collect(),
        })
    }

    #[test]
    fn trees_that_explode_are_refused() {
        assert!(is_moderate(
            &release(100, |number| (0..number.min(1)).collect())
        ));
        assert!(!is_moderate(&release(60, |number| (0..number).collect())));
        assert!(!is_moderate(&release(2, |_| vec![0, 1])));
        assert!(is_moderate(&release(0, |_| Vec::new())));
    }
}
