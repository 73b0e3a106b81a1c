//! Taking over the process that a runtime has left waiting.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstatfs, openat2};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use warren_sys_process::namespaces::{self, Kind};

use super::super::error::{Error, Failure};
use super::super::oom;
use super::start::Executable;
use super::{External, ExternalError};
use crate::groups::Groups;
use crate::oci::Resources;

/// Source: `include/uapi/linux/magic.h` of the kernel.
const DEVPTS_SUPER_MAGIC: u32 = 0x1cd1;

/// A first process that waits, and what is needed of it.
#[derive(Debug)]
pub(super) struct Adopted {
    pub init: Pid,
    pub namespaces: Vec<(Kind, File)>,
    pub terminals: OwnedFd,
    pub oom_score: Option<i32>,
    /// What it executes now, which is the runtime.
    pub executable: Executable,
}

/// Takes it over: a child of ours by now, moved to the groups that it may not be in.
pub(super) fn adopt(
    external: &External,
    kinds: &[Kind],
    groups: &Groups,
    resources: &Resources,
) -> Result<Adopted, Error> {
    let init = pid_of(external)?;
    let adopted = take(init, kinds, groups, resources);
    // Nobody else would ever wait for it.
    adopted.inspect_err(|_| super::run::kill(init))
}

fn pid_of(external: &External) -> Result<Pid, ExternalError> {
    let no_init = |what: String| ExternalError::NoInit {
        program: external.program.clone(),
        what,
    };
    let path = external.pid();
    let text = std::fs::read_to_string(&path)
        .map_err(|error| no_init(format!("{} cannot be read: {error}", path.display())))?;
    let number: Option<i32> = text.trim().parse().ok();
    let pid = number.filter(|pid| *pid > 1).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| no_init(format!("its pid file says {:?}", text.trim())))?;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(pid), options) {
        Ok(None) => Ok(pid),
        Ok(Some(_)) => Err(no_init(format!("its process {number:?} has ended already"))),
        Err(errno) => Err(no_init(format!(
            "its process {} is no child of the keeper's ({errno})",
            text.trim()
        ))),
    }
}

fn take(
    init: Pid,
    kinds: &[Kind],
    groups: &Groups,
    resources: &Resources,
) -> Result<Adopted, Error> {
    let keeper = |failure| Error::from(ExternalError::Step(failure));
    join(init, groups).map_err(keeper)?;
    let task = Path::new("/proc").join(init.as_raw_nonzero().to_string());
    let namespaces = kinds
        .iter()
        .map(|kind| Ok((*kind, namespaces::open(&task, *kind)?)))
        .collect::<Result<Vec<_>, namespaces::Error>>()
        .map_err(|e| keeper(Failure::because("open", "the container's namespaces", &e)))?;
    let terminals = terminals(&task).map_err(keeper)?;
    let oom_score = oom::protect(init, resources)
        .map_err(|e| keeper(Failure::because("read", "init's OOM score", &e)))?;
    let executable = Executable::of(init)
        .ok_or_else(|| keeper(Failure::new("look at", "init", rustix::io::Errno::SRCH)))?;
    Ok(Adopted {
        init,
        namespaces,
        terminals,
        oom_score,
        executable,
    })
}

/// Moves it where the runtime has not put it. It has executed nothing of the container's yet.
fn join(init: Pid, groups: &Groups) -> Result<(), Failure> {
    let failed = |e| Failure::because("move", "init to the container's groups", &e);
    let number = init.as_raw_nonzero().get();
    for group in &groups.init.v1 {
        if !group.procs().map_err(failed)?.contains(&number) {
            group.add(init).map_err(failed)?;
        }
    }
    match &groups.init.v2 {
        Some(group) if !group.procs_below().map_err(failed)?.contains(&number) => {
            group.add(init).map_err(failed)
        }
        _ => Ok(()),
    }
}

/// The container's instance of devpts, which its image cannot lead away from.
fn terminals(task: &Path) -> Result<OwnedFd, Failure> {
    let failed = |e| Failure::new("open", "the container's terminals", e);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, task.join("root"), flags, Mode::empty()).map_err(failed)?;
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let devpts = openat2(
        &root,
        "dev/pts",
        flags,
        Mode::empty(),
        ResolveFlags::IN_ROOT,
    )
    .map_err(failed)?;
    let kind = fstatfs(&devpts).map_err(failed)?.f_type;
    if u32::try_from(kind).ok() == Some(DEVPTS_SUPER_MAGIC) {
        return Ok(devpts);
    }
    Err(failed(rustix::io::Errno::NODEV).hint("/dev/pts is no devpts"))
}
