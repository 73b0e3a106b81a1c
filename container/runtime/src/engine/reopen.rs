//! A container that another keeper made, seen again by its first process.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{DumpableBehavior, Pid, set_dumpable_behavior};
use warren_sys_process::namespaces;

use super::container::Container;
use super::create::kinds;
use super::error::{Error, Failure};
use super::seccomp::Filter;
use crate::groups::make::{INIT, MakeError};
use crate::groups::{Groups, Place};
use crate::oci::Spec;

/// Opens it; see [`Container::reopen`].
pub(super) fn reopen(bundle: &Spec, init: Pid, place: &Place) -> Result<Container, Error> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| Error::Keeper(Failure::new("protect", "the keeper", e)))?;
    let filter = Filter::compile(bundle.linux.seccomp.as_ref()).map_err(Error::Bundle)?;
    let outer = place.open().map_err(MakeError::Parent)?;
    let within = outer.child(INIT).map_err(MakeError::Create)?;
    let task = Path::new("/proc").join(init.as_raw_nonzero().to_string());
    let namespaces = kinds(bundle)?
        .into_iter()
        .map(|kind| Ok((kind, namespaces::open(&task, kind)?)))
        .collect::<Result<Vec<(_, File)>, namespaces::Error>>()
        .map_err(|e| Error::Keeper(Failure::because("open", "the container's namespaces", &e)))?;
    Ok(Container {
        init,
        oom_score: None,
        groups: Groups {
            place: place.clone(),
            outer,
            init: within,
            program: None,
            remarks: Vec::new(),
        },
        parent: Place::default(),
        waiting: None,
        namespaces,
        terminals: terminals(bundle, &task)?,
        bundle: bundle.clone(),
        filter,
    })
}

/// The container's devpts; the host's if it has no mounts of its own.
fn terminals(bundle: &Spec, task: &Path) -> Result<OwnedFd, Error> {
    let path = match bundle.linux.has_namespace("mount") {
        true => task.join("root/dev/pts"),
        false => Path::new("/dev").to_owned(),
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, &path, flags, Mode::empty())
        .map_err(|e| Error::Keeper(Failure::new("open", path.display(), e)))
}
