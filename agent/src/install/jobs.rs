//! Jobs: all come in one archive of rendered templates.

use std::path::Path;

use super::InstallError;
use super::plan::{Item, Plan, job_mode};
use crate::blob::Blobs;
use crate::files::{self, failed};
use crate::owner::Owner;
use crate::paths::Paths;
use crate::unpack::{extract, give_all, write_out};

/// Makes the directories of jobs that are not there yet. The archive is fetched only if one is not.
///
/// # Errors
/// [`InstallError`].
pub fn prepare(
    paths: &Paths,
    blobs: &Blobs<'_>,
    plan: &Plan,
    owner: Owner,
) -> Result<(), InstallError> {
    let Some((source, digest)) = &plan.archive else {
        return Ok(());
    };
    let missing: Vec<_> = plan
        .jobs
        .iter()
        .filter(|job| !job.directory.is_dir())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let archive = blobs.fetch(source, digest);
    let archive = archive.map_err(InstallError::Templates)?;
    let place = paths.data_jobs();
    files::directory(&place, 0o750, owner)?;
    // On the same file system as the jobs, so that each can be renamed.
    let all = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(&place)
        .map_err(failed("make a directory in", &place))?;
    extract(archive.path(), all.path()).map_err(InstallError::Content)?;
    for job in &missing {
        ready(&all.path().join(&job.name), job, owner)?;
    }
    write_out(all.path())?;
    for job in missing {
        std::fs::rename(all.path().join(&job.name), &job.directory)
            .map_err(failed("name", &job.directory))?;
    }
    Ok(())
}

/// Has a job be what it is to be, but for its name.
fn ready(from: &Path, job: &Item, owner: Owner) -> Result<(), InstallError> {
    if !from.is_dir() || from.is_symlink() {
        return Err(InstallError::NoJob(job.name.clone()));
    }
    give_all(from, owner, |path, is_directory| {
        Some(job_mode(path, is_directory))
    })?;
    if let Some(parent) = job.directory.parent() {
        files::directory(parent, 0o750, owner)?;
    }
    Ok(())
}

/// Makes the links, the links to packages in each job, and the directories a job may write to.
///
/// # Errors
/// [`InstallError::File`].
pub fn enable(paths: &Paths, plan: &Plan, owner: Owner) -> Result<(), InstallError> {
    for job in &plan.jobs {
        let packages = job.directory.join("packages");
        for package in &plan.packages {
            let item = &package.item;
            let target = super::apply::link_target(paths, &item.directory);
            files::link(&target, &packages.join(&item.name))?;
        }
        for directory in [paths.logs(), paths.run(), paths.data()] {
            let directory = directory.join(&job.name);
            if !directory.is_dir() {
                files::directory(&directory, 0o770, owner)?;
            }
        }
        files::link(&super::apply::link_target(paths, &job.directory), &job.link)?;
    }
    Ok(())
}
