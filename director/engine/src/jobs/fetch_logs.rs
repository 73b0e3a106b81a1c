//! `fetch logs`: agents pack their logs into the blobstore; the result is the blob's id.
//!
//! Logs of several instances become one archive of theirs. They are kept for ten days; what is older
//! goes when the next ones are fetched.

use std::fs::File;
use std::path::PathBuf;

use flate2::write::GzEncoder;
use serde_json::{Value, json};
use warren_director_store::instances::Instance;
use warren_director_store::vms::Vm;
use warren_director_store::work::Logs;
use warren_director_store::{agent_tasks, blobs, intents, now};
use warren_lib_tar::{Entry, Kind, Time, Writer};

use super::targets;
use super::update_stemcell::directory;
use super::upload::blocking;
use crate::disks::commit;
use crate::event_log::Stage;
use crate::many::join_all;
use crate::{Engine, Error, Task, agent_task, intent, signed};

/// How long logs are kept, in seconds.
const KEPT: i64 = 10 * 24 * 3600;

/// Fetches logs of one instance or several.
pub async fn run(engine: &Engine, task: &Task, wanted: &Logs) -> Result<String, Error> {
    let deployment = targets::deployment(engine, &wanted.deployment).await?;
    let any = |text: &str| text.is_empty() || text == "*";
    let group = Some(wanted.job.as_str()).filter(|job| !any(job));
    let ids: Vec<String> = Some(wanted.id.clone())
        .into_iter()
        .filter(|id| !any(id))
        .collect();
    let machines = targets::with_machines(engine, &deployment, group, &ids).await?;
    forget_old(engine, task).await?;
    let filters = wanted.filters.as_deref();
    let fetched = machines
        .iter()
        .map(|(row, vm)| fetch(engine, task, row, vm, &wanted.kind, filters))
        .collect();
    let (mut logs, mut failure) = (Vec::new(), None);
    for one in join_all(fetched).await {
        match one {
            Ok((blob, _)) => logs.push(blob),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let Some(error) = failure {
        return Err(error);
    }
    if let [one] = logs.as_slice() {
        return Ok(one.clone());
    }
    let stage = Stage::new(task, "Fetching group logs", 1, &[]);
    stage
        .run("Packing log files together", |_| {
            pack(engine, task, &machines, &logs)
        })
        .await
}

/// Has an agent pack its logs; the answer is the blob's id and digest, which are remembered: what nobody remembers is
/// never deleted.
pub async fn fetch(
    engine: &Engine,
    task: &Task,
    row: &Instance,
    vm: &Vm,
    kind: &str,
    filters: Option<&[String]>,
) -> Result<(String, String), Error> {
    let title = format!("Fetching logs for {} ({})", row.name(), row.index_number);
    let stage = Stage::new(task, &title, 1, &[]);
    stage
        .run("Finding and packing log files", |_| async {
            let agent = engine.bus.agent(&vm.agent_id);
            let (answer, blob) = match signed::urls(engine, vm) {
                Some(urls) => {
                    let argument = |url: String| {
                        json!({"signed_url": url, "log_type": kind, "filters": filters})
                    };
                    let method = "fetch_logs_with_signed_url";
                    let owner = format!("logs of {} for task {}", agent.id(), task.id);
                    let of = (&agent, owner.as_str());
                    let asked =
                        signed::ask_for_blob(engine, task, of, method, urls, argument).await?;
                    (asked.0, Some(asked.1))
                }
                None => {
                    let arguments = vec![json!(kind), json!(filters)];
                    agent_task::drop_earlier(engine, task, &agent).await?;
                    let asked = agent_task::run(engine, task, &agent, "fetch_logs", arguments);
                    (asked.await?, None)
                }
            };
            let text = |key: &str| {
                answer
                    .get(key)
                    .and_then(Value::as_str)
                    .map(ToOwned::to_owned)
            };
            let blob = blob.or_else(|| text("blobstore_id")).ok_or_else(|| {
                Error::refused(
                    400_000,
                    format!(
                        "The agent of {} packed logs and did not say where",
                        row.name()
                    ),
                )
            })?;
            let sha1 = text("sha1").unwrap_or_default();
            let mut tx = engine.store.begin().await?;
            intents::delete(&mut *tx, &blob).await?;
            agent_tasks::forget_of(&mut *tx, agent.id(), task.id).await?;
            blobs::remember(&mut *tx, &blob, &sha1, "log").await?;
            commit(tx).await?;
            Ok((blob, sha1))
        })
        .await
}

/// Packs archives into one, whose blob is the answer; those are removed.
async fn pack(
    engine: &Engine,
    task: &Task,
    machines: &[(Instance, Vm)],
    logs: &[String],
) -> Result<String, Error> {
    let directory = directory(engine)?;
    let packed = directory.path().join("logs.tgz");
    let mut members = Vec::new();
    let stamp = now();
    for ((row, _), blob) in machines.iter().zip(logs) {
        let name = format!("{}.{}.{stamp}.tgz", row.job, row.uuid);
        members.push((name, engine.blobs.path(blob)?));
    }
    let to = packed.clone();
    blocking("pack logs", move || {
        write(&to, &members).map_err(|error| Error::Other {
            step: "pack logs".to_owned(),
            source: error,
        })
    })
    .await?;
    let file = tokio::fs::File::open(&packed)
        .await
        .map_err(|error| Error::other("open packed logs", error))?;
    let owner = format!("logs for task {}", task.id);
    let stored = intent::store(engine, task, &owner, file).await?;
    let mut tx = engine.store.begin().await?;
    intents::delete(&mut *tx, &stored.id).await?;
    blobs::remember(&mut *tx, &stored.id, &stored.digest(), "log").await?;
    commit(tx).await?;
    let pool = engine.store.pool();
    for blob in logs {
        engine.blobs.delete(blob).await?;
        blobs::forget_blob(pool, blob).await?;
    }
    Ok(stored.id)
}

fn write(
    to: &std::path::Path,
    members: &[(String, PathBuf)],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let gzip = GzEncoder::new(File::create_new(to)?, flate2::Compression::fast());
    let mut archive = Writer::new(std::io::BufWriter::new(gzip));
    for (name, path) in members {
        let mut file = File::open(path)?;
        archive.start(&Entry {
            path: name.clone().into_bytes(),
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: Time {
                seconds: now(),
                nanoseconds: 0,
            },
            stored: file.metadata()?.len(),
            xattrs: Vec::new(),
            sparse: None,
        })?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = std::io::Read::read(&mut file, &mut buffer)?;
            if count == 0 {
                break;
            }
            archive.data(&buffer[..count])?;
        }
    }
    let buffered = archive.finish()?;
    let gzip = buffered.into_inner().map_err(|error| error.into_error())?;
    gzip.finish()?.sync_all()?;
    Ok(())
}

/// Removes logs that nobody will fetch any more.
async fn forget_old(engine: &Engine, task: &Task) -> Result<(), Error> {
    let pool = engine.store.pool();
    for old in blobs::before(pool, now() - KEPT).await? {
        if old.kind != "log" {
            continue;
        }
        match engine.blobs.delete(&old.blobstore_id).await {
            Ok(_) => blobs::forget(pool, old.id).await?,
            // They are tried again next time.
            Err(error) => task.log(&warren_lib_errchain::chain(&error)),
        }
    }
    Ok(())
}
