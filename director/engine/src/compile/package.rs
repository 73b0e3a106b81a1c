//! One package, compiled on a machine unless another deploy has done it meanwhile.
//!
//! What a compilation makes is a blob. Until its row is there it is written down that there may be one: by the name
//! that it gets, where we say it; otherwise by the agent's task, of which the agent tells it.

use std::time::Duration;

use serde_json::{Map, Value, json};
use warren_director_plan::Compiled;
use warren_director_plan::compile::Task as Wanted;
use warren_director_store::compiled_packages::{self, New};
use warren_director_store::{agent_tasks, intents};
use warren_lib_telemetry::metrics::Counter;

use super::machines::{Machine, Machines};
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Error, agent_task, lock, signed};

static COMPILATIONS: Counter = Counter::new(
    "bosh_director_compilations_total",
    "Packages that were compiled, by outcome.",
);

/// How long another deploy may be at it.
const PATIENCE: Duration = Duration::from_secs(900);

/// Compiles the package at `place` with what it needs, and says so.
pub(super) async fn compile_one(
    machines: &Machines<'_>,
    stage: &Stage,
    wanted: &[Wanted],
    place: usize,
    needs: &[(usize, Compiled)],
) -> Result<Compiled, Error> {
    let one = &wanted[place];
    let input = machines.input;
    let package = &input.releases[one.release].packages[one.package];
    let stemcell = &input.stemcells[one.stemcell];
    let title = format!("{}/{}", package.name, package.fingerprint);
    stage
        .run(&title, |_| async {
            machines.task.check()?;
            let name = format!(
                "lock:compile:{}:{}/{}",
                package.id, stemcell.os, stemcell.version
            );
            lock::with(machines.task, &name, PATIENCE, async {
                if let Some(compiled) = found(machines, one).await? {
                    return Ok(compiled);
                }
                let machine = machines.take(one.stemcell, &package.name).await?;
                let result = ask(machines, &machine, wanted, one, needs).await;
                match machines.give_back(machine, result.is_ok()).await {
                    // Why it was not compiled is the error that counts.
                    Err(second) if result.is_err() => machines.task.log(&second.story()),
                    given => given?,
                }
                result
            })
            .await
        })
        .await
}

/// What another deploy has compiled meanwhile.
async fn found(machines: &Machines<'_>, one: &Wanted) -> Result<Option<Compiled>, Error> {
    let package = &machines.input.releases[one.release].packages[one.package];
    let stemcell = &machines.input.stemcells[one.stemcell];
    let pool = machines.engine.store.pool();
    let rows = compiled_packages::of_package(pool, package.id).await?;
    Ok(rows
        .into_iter()
        .find(|row| {
            row.stemcell_os == stemcell.os
                && row.stemcell_version == stemcell.version
                && row.dependency_key == one.dependency_key
        })
        .map(compiled))
}

fn compiled(row: compiled_packages::CompiledPackage) -> Compiled {
    Compiled {
        os: row.stemcell_os,
        version: row.stemcell_version,
        dependency_key: row.dependency_key,
        build: row.build,
        blobstore_id: row.blobstore_id,
        sha1: row.sha1,
    }
}

async fn ask(
    machines: &Machines<'_>,
    machine: &Machine,
    wanted: &[Wanted],
    one: &Wanted,
    needs: &[(usize, Compiled)],
) -> Result<Compiled, Error> {
    let (engine, task, input) = (machines.engine, machines.task, machines.input);
    let package = &input.releases[one.release].packages[one.package];
    let stemcell = &input.stemcells[one.stemcell];
    let pool = engine.store.pool();
    let build =
        compiled_packages::next_build(pool, package.id, &stemcell.os, &stemcell.version).await?;
    let dependencies: Map<String, Value> = needs
        .iter()
        .map(|(place, compiled)| {
            let needed = &wanted[*place];
            let other = &input.releases[needed.release].packages[needed.package];
            let value = json!({
                "name": other.name,
                "version": format!("{}.{}", other.version, compiled.build),
                "sha1": compiled.sha1,
                "blobstore_id": compiled.blobstore_id,
            });
            (other.name.clone(), value)
        })
        .collect();
    let (blob, digest) = package.source.clone().unwrap_or_default();
    let version = format!("{}.{build}", package.version);
    let agent = engine.bus.agent(&machine.vm.agent_id);
    let answer = match signed::urls(engine, &machine.vm) {
        Some(urls) => {
            let argument = |upload: String| {
                let mut dependencies = dependencies.clone();
                for one in dependencies.values_mut() {
                    let id = one["blobstore_id"].as_str().unwrap_or_default();
                    one["package_get_signed_url"] = json!(urls.to_get(id));
                }
                json!({
                    "package_get_signed_url": urls.to_get(&blob),
                    "upload_signed_url": upload,
                    "digest": digest,
                    "name": package.name,
                    "version": version,
                    "deps": dependencies,
                })
            };
            let method = "compile_package_with_signed_url";
            let owner = format!(
                "compile:{}:{}/{}",
                package.id, stemcell.os, stemcell.version
            );
            let of = (&agent, owner.as_str());
            let asked = signed::ask_for_blob(engine, task, of, method, urls, argument).await;
            asked.map(|(answer, result)| (answer, Some(result)))
        }
        None => {
            let arguments = vec![
                json!(blob),
                json!(digest),
                json!(package.name),
                json!(version),
                Value::Object(dependencies),
            ];
            let answer = agent_task::run(engine, task, &agent, "compile_package", arguments).await;
            answer.map(|answer| (answer, None))
        }
    };
    COMPILATIONS.count(&[("outcome", if answer.is_ok() { "ok" } else { "error" })]);
    let (answer, result) = answer?;
    let text = |key: &str| {
        answer
            .get("result")
            .and_then(|result| result.get(key))
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let blob = result.or_else(|| text("blobstore_id"));
    let (Some(blob), Some(sha1)) = (blob, text("sha1")) else {
        return Err(Error::refused(
            430_004,
            format!(
                "The agent compiled '{}' and did not say to which blob",
                package.name
            ),
        ));
    };
    let new = New {
        package_id: package.id,
        stemcell_os: &stemcell.os,
        stemcell_version: &stemcell.version,
        dependency_key: &one.dependency_key,
        dependency_key_sha1: &one.dependency_key_sha1,
        blobstore_id: &blob,
        sha1: &sha1,
    };
    let mut tx = engine.store.begin().await?;
    agent_tasks::forget_of(&mut *tx, agent.id(), task.id).await?;
    intents::delete(&mut *tx, &blob).await?;
    let row = compiled_packages::create(&mut *tx, &new, build).await?;
    commit(tx).await?;
    Ok(compiled(row))
}
