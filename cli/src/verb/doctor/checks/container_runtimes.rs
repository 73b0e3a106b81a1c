//! Whether the OCI runtimes that are installed can make containers in the engine's place.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{WaitOptions, waitpid};
use warren_container_runtime::bundle;
use warren_container_runtime::engine::external::{External, forget, version};
use warren_container_runtime::engine::{Container, Options};
use warren_container_runtime::groups::{self, Place};
use warren_container_runtime::host::Host;
use warren_container_runtime::spec::ContainerSpec;
use warren_lib_errchain::chain;
use warren_sys_cgroup::{GroupSet, Process};

use super::super::child::in_child;
use super::{Facts, Finding};

/// Those that the server is tested with.
const NAMES: [&str; 2] = ["runc", "crun"];

/// How long what was made may take to go.
const GONE: Duration = Duration::from_secs(10);

/// Each makes a privileged container, as the server would have it do, starts it and forgets it.
pub fn make_containers(facts: &Facts) -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = NAMES.iter().filter_map(|name| in_path(&places, name));
    let found: Vec<PathBuf> = found.collect();
    if found.is_empty() {
        return Finding::pass("neither runc nor crun is in PATH; the engine in Warren needs none");
    }
    let host = match facts.host() {
        Ok(host) => host,
        Err(why) => return Finding::unknown(why, "see capabilities and device-nodes"),
    };
    let tried = found
        .iter()
        .map(|program| (program, attempt(program, host)));
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (program, outcome) in tried {
        let program = program.display();
        match outcome {
            Ok(version) => good.push(format!("{program} ({version}) makes containers")),
            Err(why) => bad.push(format!("{program}: {why}")),
        }
    }
    let remedy = "do without --runtime: the engine in Warren makes containers here; or install \
                  another version, or name another program";
    let mut lines = bad.into_iter();
    match lines.next() {
        None => Finding {
            evidence: good,
            ..Finding::pass("")
        },
        Some(first) => {
            let others = lines.chain(good);
            others.fold(Finding::warn(first, remedy), Finding::and)
        }
    }
}

/// The first executable file of that name.
fn in_path(places: &[PathBuf], name: &str) -> Option<PathBuf> {
    let mut candidates = places.iter().map(|place| place.join(name));
    candidates.find(|path| {
        let metadata = path.metadata();
        metadata.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

/// What the runtime says it is, or why it cannot be used.
fn attempt(program: &Path, host: &Host) -> Result<String, String> {
    let version = version(program).map_err(|error| chain(&error))?;
    let name = format!("warren-doctor-{}-", std::process::id());
    let failed = |error: std::io::Error| format!("making a scratch directory: {error}");
    let scratch = tempfile::Builder::new().prefix(&name).tempdir();
    let scratch = scratch.map_err(failed)?;
    std::fs::create_dir(scratch.path().join("root")).map_err(failed)?;
    let made = leaving_controllers(|| {
        in_child(&[], &[], || make(program, host, scratch.path())).and_then(|made| made)
    });
    made?;
    scratch.close().map_err(failed)?;
    Ok(version)
}

/// Has our own group of cgroup v2 hand down afterwards what it handed down before: groups of containers are made
/// below it, and whoever makes them hands on all that there is.
fn leaving_controllers(work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let failed = |step: &str, error: &dyn std::error::Error| format!("{step}: {}", chain(error));
    let own = GroupSet::of(Process::Myself);
    let own = own.map_err(|error| failed("finding our own groups", &error))?;
    let Some(own) = own.v2 else {
        return work();
    };
    let enabled = || {
        let enabled = own.enabled();
        enabled.map_err(|error| failed("reading which controllers are handed down", &error))
    };
    let before = enabled()?;
    let done = work();
    for controller in enabled()?.iter().filter(|one| !before.contains(one)) {
        own.disable(controller)
            .map_err(|error| failed("putting controllers back", &error))?;
    }
    done
}

/// In a child, which becomes the container's keeper.
fn make(program: &Path, host: &Host, scratch: &Path) -> Result<(), String> {
    let failed = |error: &dyn std::error::Error| chain(error);
    let parent = Place::own().map_err(|error| failed(&error))?;
    let name = format!("warren-doctor-{}", std::process::id());
    let init = std::env::current_exe().map_err(|error| failed(&error))?;
    let spec = ContainerSpec {
        privileged: true,
        ..ContainerSpec::new(&name, scratch.join("root"), init, parent)
    };
    let external = External {
        program: program.to_owned(),
        directory: scratch.join("runtime"),
    };
    let options = Options {
        external: Some(external.clone()),
        ..Options::of(&spec)
    };
    let bundle = bundle::build(&spec, host);
    let mut container = Container::create(&bundle, &options).map_err(|error| failed(&error))?;
    let started = container.start();
    groups::destroy(container.place(), GONE).map_err(|error| failed(&error))?;
    // All processes are gone; that it was our child does not matter to anybody else.
    let _ended = waitpid(Some(container.init()), WaitOptions::empty());
    let forgotten = forget(&external, container.place());
    started.map_err(|error| failed(&error))?;
    forgotten.map_err(|error| failed(&error))
}
