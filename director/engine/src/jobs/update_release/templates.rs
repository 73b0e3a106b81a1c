//! Jobs of a release.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;
use warren_director_plan::json::from_mapping;
use warren_director_store::intents;
use warren_director_store::templates::{self, New, Template};
use warren_lib_tar::Reader;
use warren_release::tarball::Job;
use warren_wire_manifest::check::read_manifest;

use super::super::upload::blocking;
use super::{Taking, digest, or};
use crate::disks::commit;
use crate::event_log::Stage;
use crate::{Error, intent};

/// Most bytes of a `job.MF`; those that are larger are refused when the tarball is read.
const MOST_BYTES: u64 = 16 << 20;

impl Taking<'_> {
    /// Takes all jobs; the answer is how many are new.
    pub(super) async fn take_jobs(&self) -> Result<usize, Error> {
        let pool = self.engine.store.pool();
        let joined = templates::of_version(pool, self.version_id).await?;
        let (mut known, mut new) = (Vec::new(), Vec::new());
        for job in &self.release.jobs {
            let (name, print) = (&job.listed.name, fingerprint(job));
            if let Some(row) = joined.iter().find(|row| row.name == *name)
                && row.fingerprint != print
            {
                return Err(Error::refused(
                    30_013,
                    format!(
                        "job '{name}' had different fingerprint in previously uploaded release '{}'",
                        self.name()
                    ),
                ));
            }
            match templates::with_fingerprint(pool, self.release_id, name, print).await? {
                Some(row) => known.push((job, row)),
                None => new.push(job),
            }
        }
        let stage = Stage::new(self.task, "Creating new jobs", new.len(), &[]);
        let count = new.len();
        for job in new {
            self.task.check()?;
            let title = format!("{}/{}", job.listed.name, version(job));
            stage.run(&title, |_| self.create_job(job)).await?;
        }
        if !known.is_empty() {
            let plural = if known.len() == 1 { "" } else { "s" };
            let title = format!("Processing {} existing job{plural}", known.len());
            super::single(self.task, &title, async {
                for (job, row) in &known {
                    self.keep_job(job, row).await?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(count)
    }

    async fn create_job(&self, job: &Job) -> Result<(), Error> {
        let (Some(archive), Some(spec)) = (&job.archive, &job.spec) else {
            return Err(Error::refused(
                80_000,
                format!(
                    "Job '{}' is not in the tarball: upload a complete one",
                    job.listed.name
                ),
            ));
        };
        let document = document(archive.path.as_deref(), &job.listed.name).await?;
        let blob = self
            .store(archive, &self.owner("job", &job.listed.name))
            .await?;
        let new = New {
            release_id: self.release_id,
            name: &job.listed.name,
            version: version(job),
            fingerprint: fingerprint(job),
            blobstore_id: &blob,
            sha1: &digest(&job.listed.sha1, archive),
            package_names: &spec.packages,
            spec: &document,
        };
        let mut tx = self.engine.store.begin().await?;
        intents::delete(&mut *tx, &blob).await?;
        let id = templates::create(&mut *tx, &new).await?;
        templates::join(&mut *tx, id, self.version_id).await?;
        commit(tx).await
    }

    async fn keep_job(&self, job: &Job, row: &Template) -> Result<(), Error> {
        let pool = self.engine.store.pool();
        templates::join(pool, row.id, self.version_id).await?;
        if let (true, Some(archive)) = (self.fix, &job.archive) {
            let document = document(archive.path.as_deref(), &job.listed.name).await?;
            let blob = self
                .store(archive, &self.owner("job", &job.listed.name))
                .await?;
            let sha1 = digest(&job.listed.sha1, archive);
            let mut tx = self.engine.store.begin().await?;
            intents::delete(&mut *tx, &blob).await?;
            templates::set_blob(&mut *tx, row.id, &blob, &sha1, &document).await?;
            intent::disown(&mut tx, self.task, &row.blobstore_id).await?;
            commit(tx).await?;
            intent::discard(self.engine, &row.blobstore_id).await?;
        }
        Ok(())
    }
}

fn version(job: &Job) -> &str {
    or(&job.listed.version, &job.listed.fingerprint)
}

fn fingerprint(job: &Job) -> &str {
    or(&job.listed.fingerprint, &job.listed.version)
}

/// A job's `job.MF`, as JSON.
async fn document(archive: Option<&Path>, name: &str) -> Result<Value, Error> {
    let (path, name) = (archive.unwrap_or(Path::new("")).to_owned(), name.to_owned());
    blocking("read job.MF", move || {
        let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::refused(
                80_000,
                format!("cannot read job.MF of job '{name}': {error}"),
            )
        };
        let file = File::open(&path).map_err(|error| broken(error.into()))?;
        let text = find(file).map_err(broken)?;
        let mapping = read_manifest(&text, "job.MF")
            .map_err(|error| Error::refused(80_001, error.to_string()))?;
        Ok(Value::Object(from_mapping(&mapping)))
    })
    .await
}

fn find(file: File) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let mut buffered = BufReader::new(file);
    let is_gzip = buffered.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> = if is_gzip {
        Box::new(flate2::read::MultiGzDecoder::new(buffered))
    } else {
        Box::new(buffered)
    };
    let mut archive = Reader::new(plain);
    while let Some(entry) = archive.next_entry()? {
        if !matches!(entry.path.as_slice(), b"job.MF" | b"./job.MF") {
            continue;
        }
        if entry.stored > MOST_BYTES {
            return Err("it is larger than any".into());
        }
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = archive.read_data(&mut buffer)?;
            if count == 0 {
                return Ok(String::from_utf8(bytes)?);
            }
            bytes.extend_from_slice(&buffer[..count]);
        }
    }
    Err("the archive has none".into())
}
