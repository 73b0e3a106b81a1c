//! `compile_package` and `compile_package_with_signed_url`.
//!
//! ```text
//! remove all packages ─► install the dependencies ─► unpack the source ─► bash -x packaging
//!   ─► pack what it installed ─► upload ─► remove all
//! ```
//!
//! Cut off at any point, the next try begins from the start: the work directory and the directory
//! it installs to are made anew. Cancelled, it ends with all processes that the script has left in its group.

use std::process::Command;

use warren_wire_agent::method::arguments::{BlobSource, Compile, Dependency, SignedUrl};
use warren_wire_agent::method::values::{Compiled, Uploaded};

use super::{Outcome, value};
use crate::agent::Agent;
use crate::files::{self, NotAName};
use crate::install::apply::{keep_only, link_target};
use crate::install::packages;
use crate::install::plan::{Item, PackageItem, compiled, package};
use crate::left::{self, Kind};
use crate::pack;
use crate::process::{Cancel, Kept, Sink, run as run_program};
use crate::script::jobs::append;
use crate::unpack::{UnpackError, is_gzip, unpack};

/// How much of the output a failure tells.
const KEPT: usize = 10 * 1024;
/// Packages that are fetched at once.
const WORKERS: usize = 5;

pub(super) fn run(agent: &Agent, compile: &Compile, cancel: &Cancel) -> Outcome {
    let target = compiled(&agent.paths, &compile.name, &compile.version)?;
    let work = agent.paths.compile().join(&target.name);
    let outcome = compile_in(agent, compile, &target, &work, cancel);
    // Also after a failure: the next package finds nothing of this one.
    let cleaned = files::remove(&work)
        .and_then(|()| files::remove(&target.link))
        .and_then(|()| files::remove(&target.directory));
    let uploaded = outcome?;
    cleaned?;
    value(&Compiled { result: uploaded })
}

fn compile_in(
    agent: &Agent,
    compile: &Compile,
    target: &Item,
    work: &std::path::Path,
    cancel: &Cancel,
) -> Result<Uploaded, super::Error> {
    check(cancel)?;
    let (paths, blobs, owner) = (&agent.paths, agent.blobs(), agent.vcap());
    let dependencies = dependencies(agent, compile)?;
    let items: Vec<&Item> = dependencies
        .iter()
        .map(|dependency| &dependency.item)
        .collect();
    keep_only(&paths.packages(), &paths.data_packages(), &items)?;
    packages::prepare(&blobs, &dependencies, owner, WORKERS)?;
    packages::enable(paths, &dependencies)?;

    check(cancel)?;
    let source = blobs.fetch(&compile.source, &compile.digest)?;
    let gzip = is_gzip(source.path())?;
    files::directory(&paths.compile(), 0o755, owner)?;
    unpack(source.path(), work, |_| Ok::<(), UnpackError>(()))?;

    files::remove(&target.directory)?;
    files::directory(&target.directory, 0o755, owner)?;
    files::link(&link_target(paths, &target.directory), &target.link)?;
    check(cancel)?;
    if work.join("packaging").is_file() {
        package_it(agent, compile, target, work, cancel)?;
    }
    check(cancel)?;
    let archive = blobs.temporary()?;
    pack::directory(&target.directory, archive.path(), gzip)?;
    let stored = match &compile.upload {
        None => blobs.store(archive.path()),
        Some(to) => blobs.store_signed(to, archive.path()),
    }?;
    Ok(Uploaded {
        blobstore_id: stored.id,
        sha1: stored.digest,
    })
}

/// Ends here if somebody wished so.
fn check(cancel: &Cancel) -> Result<(), super::Error> {
    match cancel.is_cancelled() {
        true => Err("the compilation was cancelled".into()),
        false => Ok(()),
    }
}

fn dependencies(agent: &Agent, compile: &Compile) -> Result<Vec<PackageItem>, NotAName> {
    let plan = |dependency: &Dependency| {
        let source = if dependency.package_get_signed_url.is_empty() {
            BlobSource::Blobstore(dependency.blobstore_id.clone())
        } else {
            BlobSource::Signed(SignedUrl {
                url: dependency.package_get_signed_url.clone(),
                headers: dependency.blobstore_headers.clone(),
            })
        };
        package(
            &agent.paths,
            &dependency.name,
            &dependency.version,
            &dependency.sha1,
            source,
        )
    };
    compile.dependencies.values().map(plan).collect()
}

fn package_it(
    agent: &Agent,
    compile: &Compile,
    target: &Item,
    work: &std::path::Path,
    cancel: &Cancel,
) -> Result<(), super::Error> {
    let logs = agent.paths.logs().join("compilation");
    files::directory(&logs, 0o770, agent.vcap())?;
    let sink = |stream: &str| -> Result<Sink, files::FileError> {
        let path = logs.join(format!("packaging.{stream}.log"));
        files::remove(&path)?;
        Ok(Sink {
            keep: KEPT,
            log: Some(append(&path)?),
        })
    };
    let mut command = Command::new("bash");
    command
        .args(["-x", "packaging"])
        .current_dir(work)
        .env("BOSH_COMPILE_TARGET", work)
        .env("BOSH_INSTALL_TARGET", &target.link)
        .env("BOSH_PACKAGE_NAME", &compile.name)
        .env("BOSH_PACKAGE_VERSION", &compile.version);
    let _begun = left::begin(agent, Kind::Compilation, &mut command);
    let (stdout, stderr) = (sink("stdout")?, sink("stderr")?);
    let outcome = run_program(&mut command, stdout, stderr, 0, cancel)?;
    check(cancel)?;
    if outcome.code == 0 {
        return Ok(());
    }
    let shown = |name: &str, kept: &Kept| {
        let word = if kept.is_cut {
            format!("Truncated {name}")
        } else {
            name.to_owned()
        };
        format!("{word}: {}", kept.text())
    };
    Err(format!(
        "Running packaging script: Command exited with {}; {}, {}",
        outcome.code,
        shown("stdout", &outcome.stdout),
        shown("stderr", &outcome.stderr)
    )
    .into())
}
