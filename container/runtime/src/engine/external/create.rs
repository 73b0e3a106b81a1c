//! The keeper's part in having a container made.
//!
//! If a step fails, the runtime is asked to forget the container, and the groups are removed with
//! all that is in them.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::process::{
    DumpableBehavior, child_subreaper, getpid, set_child_subreaper, set_dumpable_behavior,
};
use warren_sys_mount::MountTable;
use warren_sys_process::fork;
use warren_sys_process::namespaces::Kind;

use super::super::container::{Container, Options, Waiting as Waits};
use super::super::create::{kinds, owner};
use super::super::error::{Error, Failure};
use super::super::seccomp::Filter;
use super::adopt::{Adopted, adopt};
use super::view::View;
use super::{External, ExternalError, Waiting, bundle, devices, watch};
use crate::groups::{self, Groups, make::make};
use crate::oci::{Resources, Spec};

/// How long what was made may take to go when something failed.
const UNDO: Duration = Duration::from_secs(10);

pub(in crate::engine) fn create(
    bundle: &Spec,
    options: &Options,
    external: &External,
) -> Result<Container, Error> {
    fork::single_thread()?;
    let kinds = kinds(bundle)?;
    let filter = Filter::compile(bundle.linux.seccomp.as_ref()).map_err(Error::Bundle)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| Error::Keeper(Failure::new("protect", "the keeper", e)))?;
    if bundle.linux.has_namespace("user") {
        reachable(&bundle.root.path)?;
    }
    let table = MountTable::read(Path::new("/proc"), "self")
        .map_err(|e| step(Failure::because("read", "the mount table", &e)))?;
    let machine = bundle::binds_machine(bundle);
    let view = View::of(&options.parent, &table, machine)?;
    // The limits come with the start: a runtime's own process is counted while it is there, and may
    // need more than a small container.
    let unlimited = Resources {
        devices: bundle.linux.resources.devices.clone(),
        ..Resources::default()
    };
    let mut groups = make(
        &options.parent,
        &bundle.linux.cgroups_path,
        &unlimited,
        options.devices,
        owner(bundle)?,
    )?;
    match have_made(bundle, external, view.as_ref(), &kinds, &mut groups) {
        Ok(adopted) => Ok(Container {
            init: adopted.init,
            oom_score: adopted.oom_score,
            groups,
            parent: options.parent.clone(),
            waiting: Some(Waits::External(Box::new(Waiting {
                external: external.clone(),
                view,
                executable: adopted.executable,
                resources: bundle.linux.resources.clone(),
            }))),
            namespaces: adopted.namespaces,
            terminals: adopted.terminals,
            bundle: bundle.clone(),
            filter,
        }),
        Err(error) => {
            // The first error is the one to tell; whoever tries again removes what is left.
            let _secondary = groups::destroy(&groups.place, UNDO);
            if external.state().exists() {
                let _secondary =
                    external.run("delete", &[Path::new("--force")], view.as_ref(), None);
            }
            Err(error)
        }
    }
}

fn have_made(
    bundle: &Spec,
    external: &External,
    view: Option<&View>,
    kinds: &[Kind],
    groups: &mut Groups,
) -> Result<Adopted, Error> {
    let complete = bundle::complete(bundle, view, &groups.place);
    prepare(external, &complete).map_err(step)?;
    // Beside v1 the runtime knows nothing of v2, and what it starts has to be there.
    let group = groups.init.v2.as_ref().filter(|_| view.is_some());
    let failed = |e| step(Failure::new("adopt", "orphans", e));
    let before = child_subreaper().map_err(failed)?;
    set_child_subreaper(Some(getpid())).map_err(failed)?;
    let pid = external.pid();
    let arguments = [
        Path::new("--bundle"),
        &external.directory,
        Path::new("--pid-file"),
        &pid,
    ];
    let lent = devices::lend(groups, &bundle.linux.resources);
    let made = external.run("create", &arguments, view, group);
    let whole = lent.take_back().map_err(step);
    // If that failed, what was made is removed with the groups.
    let made = made.map_err(Error::from);
    let made = made.and_then(|messages| whole.map(|()| messages));
    let adopted = made.and_then(|messages| {
        let remarks = messages.warnings.into_iter().chain(messages.errors);
        let program = external.program.display().to_string();
        groups
            .remarks
            .extend(remarks.map(|text| format!("{program}: {text}")));
        adopt(external, kinds, groups, &bundle.linux.resources)
    });
    // Later orphans are somebody else's.
    set_child_subreaper(before).map_err(failed)?;
    let adopted = adopted?;
    match watch::begin(adopted.init) {
        Ok(()) => Ok(adopted),
        Err(error) => {
            super::run::kill(adopted.init);
            Err(error.into())
        }
    }
}

fn prepare(external: &External, bundle: &Spec) -> Result<(), Failure> {
    let failed = |step: &'static str, path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Failure::because(step, path, &error)
    };
    let make = |path: &Path| {
        let made = DirBuilder::new().mode(0o700).create(path);
        made.map_err(failed("make", path))
    };
    make(&external.directory)?;
    make(&external.state())?;
    let path = external.config();
    let mut options = OpenOptions::new();
    // It has the environment in it.
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&path).map_err(failed("make", &path))?;
    let text = serde_json::to_vec(bundle)
        .map_err(|error| Failure::because("write", path.display(), &error))?;
    file.write_all(&text).map_err(failed("write", &path))
}

/// A runtime walks to the root directory as the container's root, to whom everything on the way has
/// to be open.
fn reachable(root: &Path) -> Result<(), ExternalError> {
    for directory in root.ancestors().skip(1) {
        let Ok(metadata) = fs::metadata(directory) else {
            continue;
        };
        if metadata.mode() & 0o001 == 0 {
            return Err(ExternalError::Unreachable(directory.to_owned()));
        }
    }
    Ok(())
}

fn step(failure: Failure) -> Error {
    ExternalError::Step(failure).into()
}
