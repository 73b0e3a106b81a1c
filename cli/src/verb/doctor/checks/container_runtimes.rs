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

/// Has our own group of cgroup v2, and those above it, hand down afterwards what they handed down before: whoever
/// makes groups hands on all that there is, and runtimes do so from the root on.
fn leaving_controllers(work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let own = GroupSet::of(Process::Myself);
    let own = own.map_err(|error| format!("finding our own groups: {}", chain(&error)))?;
    let before = own.v2.map_or_else(Vec::new, |own| handed_down(own.path()));
    let done = work();
    // From the inside out: what a group hands on cannot be taken from it.
    for (file, kept) in before {
        for controller in words(&file).iter().filter(|one| !kept.contains(one)) {
            std::fs::write(&file, format!("-{controller}")).map_err(|error| {
                format!("putting {controller} back in {}: {error}", file.display())
            })?;
        }
    }
    done
}

/// What a group and those above it hand down, each after its file.
fn handed_down(group: &Path) -> Vec<(PathBuf, Vec<String>)> {
    let files = group
        .ancestors()
        .map(|group| group.join("cgroup.subtree_control"));
    let files = files.take_while(|file| file.exists());
    files.map(|file| (file.clone(), words(&file))).collect()
}

fn words(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// Where the container's group may be. Of a group of cgroup v2 that has processes, as ours has, only threads may be
/// in groups below that have controllers: a server has moved its own away, which a check does not.
fn around(own: Place) -> Place {
    let above = own.v2.as_deref().and_then(|path| path.rsplit_once('/'));
    match above {
        Some((above, name)) if own.v1.is_empty() && !name.is_empty() => Place {
            v2: Some(format!("/{}", above.trim_start_matches('/'))),
            ..own
        },
        _ => own,
    }
}

/// In a child, which becomes the container's keeper.
fn make(program: &Path, host: &Host, scratch: &Path) -> Result<(), String> {
    let failed = |error: &dyn std::error::Error| chain(error);
    let parent = around(Place::own().map_err(|error| failed(&error))?);
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

#[cfg(test)]
mod tests {
    use super::{Place, around};

    #[test]
    fn beside_what_has_processes_where_there_is_no_more_than_v2() {
        let place = |path: &str| Place {
            v2: Some(path.to_owned()),
            v1: Vec::new(),
        };
        for (own, expected) in [
            ("/a.slice/b.service", "/a.slice"),
            ("/a.slice", "/"),
            // The root may have processes and all else.
            ("/", "/"),
        ] {
            assert_eq!(around(place(own)), place(expected), "{own}");
        }
        let none = Place::default();
        assert_eq!(around(none.clone()), none);
    }
}
