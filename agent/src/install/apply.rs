//! Carries a plan out.
//!
//! Every step looks at what is there and does what is missing, so that an `apply` that was cut off
//! at any point is completed by the next.

use std::path::{Path, PathBuf};

use super::InstallError;
use super::plan::{Item, Plan, plan};
use super::{jobs, packages};
use crate::agent::Agent;
use crate::files;
use crate::paths::Paths;
use crate::say;
use warren_wire_agent::spec::ApplySpec;

/// How many packages are fetched at once, where the settings do not say.
const WORKERS: u64 = 5;
/// The most that the settings can ask for.
const MOST_WORKERS: u64 = 64;

/// What a link to `directory` holds: the path as everybody sees it.
#[must_use]
pub fn link_target(paths: &Paths, directory: &Path) -> PathBuf {
    if paths.is_system() {
        paths.outside(directory)
    } else {
        directory.to_owned()
    }
}

/// Fetches and unpacks, changing no link.
///
/// # Errors
/// [`InstallError`].
pub fn prepare(agent: &Agent, spec: &ApplySpec) -> Result<Plan, InstallError> {
    let plan = plan(&agent.paths, spec)?;
    let (blobs, owner) = (agent.blobs(), agent.vcap());
    jobs::prepare(&agent.paths, &blobs, &plan, owner)?;
    let workers = agent
        .settings
        .settings()
        .env
        .bosh
        .parallel
        .unwrap_or(WORKERS);
    let workers = usize::try_from(workers.clamp(1, MOST_WORKERS)).unwrap_or(1);
    packages::prepare(&blobs, &plan.packages, owner, workers)?;
    Ok(plan)
}

/// Installs a spec, and removes what is not of it. The supervisor has been told to forget the jobs
/// before.
///
/// # Errors
/// [`InstallError`].
pub fn apply(agent: &Agent, spec: &ApplySpec) -> Result<(), InstallError> {
    let (paths, owner) = (&agent.paths, agent.vcap());
    let plan = prepare(agent, spec)?;
    packages::enable(paths, &plan.packages)?;
    jobs::enable(paths, &plan, owner)?;
    // They hold the jobs' secrets, and are of no more use: what is installed, and what was sent before for
    // a `prepare`, whose templates may have been others.
    for name in files::names(&paths.sensitive_blobs())? {
        files::remove(&paths.sensitive_blobs().join(name))?;
    }
    let jobs: Vec<_> = plan.jobs.iter().collect();
    keep_only(&paths.jobs(), &paths.data_jobs(), &jobs)?;
    let packages: Vec<_> = plan.packages.iter().map(|package| &package.item).collect();
    keep_only(&paths.packages(), &paths.data_packages(), &packages)
}

/// Removes links and directories but these.
///
/// # Errors
/// [`InstallError::File`].
pub fn keep_only(links: &Path, data: &Path, items: &[&Item]) -> Result<(), InstallError> {
    for name in files::names(links)? {
        if !items.iter().any(|item| item.name == name) {
            files::remove(&links.join(&name))?;
            say!("install", "removed {name} from {}", links.display());
        }
    }
    for name in files::names(data)? {
        let place = data.join(&name);
        if !items.iter().any(|item| item.name == name) {
            files::remove(&place)?;
            continue;
        }
        for version in files::names(&place)? {
            let directory = place.join(version);
            if !items.iter().any(|item| item.directory == directory) {
                files::remove(&directory)?;
            }
        }
    }
    Ok(())
}
