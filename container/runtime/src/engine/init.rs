//! The child that becomes a container's pid 1: sets everything up from inside, waits, and executes
//! the init program.

use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};
use rustix::process::{DumpableBehavior, chdir, set_dumpable_behavior, setsid, umask};
use warren_sys_cgroup::GroupSet;
use warren_sys_mount::detached;
use warren_sys_process::lifecycle::die_with_parent;
use warren_sys_process::namespaces::{self, Kind};
use warren_sys_process::{exec, fork};

use super::channel::{Channel, Message, Received, Refusal};
use super::container::First;
use super::error::Failure;
use super::identity;
use super::mounts::{Prepared, Sources, prepare};
use super::seccomp::Filter;
use super::{devices, join, rlimits, root, target};
use crate::oci::Spec;
use crate::users::User;

/// Runs in the child and never returns.
pub(super) fn run(
    bundle: &Spec,
    first: &First,
    filter: &Filter,
    sources: Sources,
    (groups, born_in_v2): (&GroupSet, bool),
    channel: &Channel,
) -> ! {
    // Before anything else: nothing of the container is ever outside its filter and limits.
    let joined = join::groups(groups, born_in_v2).map_err(Refusal::from);
    let Err(refusal) = joined.and_then(|()| become_init(bundle, first, filter, sources, channel));
    channel.send(&Message::Failed(refusal), None);
    fork::exit(1)
}

fn become_init(
    bundle: &Spec,
    first: &First,
    filter: &Filter,
    sources: Sources,
    channel: &Channel,
) -> Result<Infallible, Refusal> {
    await_message(channel, &Message::Go);
    rlimits::raise(&first.rlimits).map_err(limit)?;
    let terminals = set_up(bundle, first, sources)?;
    channel.send(&Message::Ready, Some(terminals.as_fd()));
    drop(terminals);
    await_message(channel, &Message::Start);

    let user = User {
        uid: bundle.process.user.uid,
        gid: bundle.process.user.gid,
        groups: bundle.process.user.additional_gids.clone(),
        home: "/".into(),
        name: String::new(),
    };
    umask(Mode::from_raw_mode(0o022));
    identity::assume(bundle, filter, &user)?;
    if !first.outlives_keeper {
        // Becoming another user than root has taken it back.
        die_with_parent(None)
            .map_err(|e| Failure::new("bind to the keeper", "the first process", e))?;
    }
    let path = bundle.process.args.first().map_or("", String::as_str);
    let failed = |errno| Failure::new("execute", path, errno);
    let strings = |texts: &[String]| -> Result<Vec<CString>, Failure> {
        let text = |text: &String| CString::new(text.as_str()).map_err(|_| failed(Errno::INVAL));
        texts.iter().map(text).collect()
    };
    let program = CString::new(path).map_err(|_| failed(Errno::INVAL))?;
    let arguments = strings(&bundle.process.args)?;
    let environment = strings(&bundle.process.env)?;
    exec::close_from_on_exec(3).map_err(failed)?;
    exec::reset_signals().map_err(failed)?;
    rlimits::settle(&first.rlimits).map_err(limit)?;
    channel.send(&Message::Ready, None);
    let errno = exec::program(&program, &arguments, &environment);
    Err(failed(errno).into())
}

/// Waits for the keeper's word; without it there is nothing to live for.
fn await_message(channel: &Channel, expected: &Message) {
    match channel.receive(None) {
        Ok(Received::Message(message, _)) if message == *expected => {}
        _ => fork::exit(1),
    }
}

/// Everything but the program. The answer is the root of the container's devpts.
fn set_up(bundle: &Spec, first: &First, sources: Sources) -> Result<OwnedFd, Failure> {
    let failed = |step, object: &'static str| move |e| Failure::new(step, object, e);
    umask(Mode::empty());
    if bundle.linux.has_namespace("user") {
        identity::become_root()?;
    }
    // After the change of user, which takes both back.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(failed("protect", "the first process"))?;
    if !first.outlives_keeper {
        die_with_parent(None).map_err(failed("bind to the keeper", "the first process"))?;
    }
    setsid().map_err(failed("make a session for", "the first process"))?;
    if bundle.linux.has_namespace("cgroup") {
        namespaces::unshare(&[Kind::Cgroup])
            .map_err(|e| Failure::because("make", "the cgroup namespace", &e))?;
    }
    if bundle.linux.has_namespace("uts") {
        rustix::system::sethostname(bundle.hostname.as_bytes())
            .map_err(failed("set", "the host name"))?;
    }
    if !bundle.linux.has_namespace("mount") {
        // The host's own root and mounts, and its terminals.
        drop(sources);
        begin(bundle, first)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        return rustix::fs::openat(CWD, "/dev", flags, Mode::empty())
            .map_err(failed("open", "/dev"));
    }
    let (new_root, mounts) = prepare(bundle, sources)?;
    if let Some(proc) = mounts.iter().find(|each| is(each, "/proc")) {
        set_parameters(bundle, proc)?;
    }
    let terminals = settle(bundle, new_root, mounts)?;
    begin(bundle, first)?;
    Ok(terminals)
}

/// Streams and working directory.
fn begin(bundle: &Spec, first: &First) -> Result<(), Failure> {
    match &first.stdio {
        None => stdio_from_null()?,
        Some(stdio) => {
            let failed = |e| Failure::new("connect", "the standard streams", e);
            // The keeper's are above the three that this replaces.
            let [stdin, stdout, stderr] = stdio.as_ref();
            rustix::stdio::dup2_stdin(stdin).map_err(failed)?;
            rustix::stdio::dup2_stdout(stdout).map_err(failed)?;
            rustix::stdio::dup2_stderr(stderr).map_err(failed)?;
        }
    }
    let directory = &bundle.process.cwd;
    chdir(directory).map_err(|e| Failure::new("enter", directory, e))
}

fn limit(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Step(failure) => failure,
        Refusal::Limit(resource, value, errno) => Failure::new(
            "set",
            format!("the limit {resource} to {value}"),
            Errno::from_raw_os_error(errno),
        ),
        other => Failure::new("set", format!("limits: {other:?}"), Errno::INVAL),
    }
}

pub(super) fn is(mount: &Prepared, path: &str) -> bool {
    mount.destination == Path::new(path)
}

/// Makes this root the calling process's, with these mounts in it, in a mount namespace of its own.
/// The answer is the root of its devpts.
pub(super) fn settle(
    bundle: &Spec,
    new_root: OwnedFd,
    mut mounts: Vec<Prepared>,
) -> Result<OwnedFd, Failure> {
    let dev = mounts.iter().position(|each| is(each, "/dev"));
    if let Some(at) = dev {
        let tree = mounts.get(at).map(|dev| dev.tree.as_fd());
        let binds = match tree {
            Some(tree) => devices::populate(tree, &bundle.linux.devices)?,
            None => Vec::new(),
        };
        mounts.splice(at + 1..at + 1, binds);
    }
    root::enter(new_root)?;
    let mut terminals = None;
    for Prepared { destination, tree } in mounts {
        target::attach(&tree, &destination)?;
        if destination == Path::new("/dev/pts") {
            terminals = Some(tree);
        }
    }
    for path in &bundle.linux.masked_paths {
        mask(path)?;
    }
    for path in &bundle.linux.readonly_paths {
        make_read_only(path)?;
    }
    terminals.ok_or_else(|| {
        Failure::new("find", "/dev/pts", Errno::NOENT).hint("the bundle does not mount it")
    })
}

/// Writes the namespaces' kernel parameters, through the new `/proc`.
fn set_parameters(bundle: &Spec, proc: &Prepared) -> Result<(), Failure> {
    for (name, value) in &bundle.linux.sysctl {
        let path = format!("sys/{}", name.replace('.', "/"));
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let written = rustix::fs::openat(&proc.tree, &path, flags, Mode::empty())
            .and_then(|file| rustix::io::write(&file, value.as_bytes()));
        written.map_err(|e| Failure::new("set", name, e))?;
    }
    Ok(())
}

/// Covers a path: a file by the null device, a directory by an empty one. What is not there needs
/// no cover.
fn mask(path: &str) -> Result<(), Failure> {
    let failed = |e| Failure::new("mask", path, e);
    let stat = match rustix::fs::statat(CWD, path, AtFlags::empty()) {
        Ok(stat) => stat,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    let cover = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let options = [("size", Some("0")), ("mode", Some("755"))];
        detached("tmpfs", &options, MountAttrFlags::MOUNT_ATTR_RDONLY)
            .map_err(|e| Failure::because("mask", path, &e))?
    } else {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        open_tree(CWD, "/dev/null", flags).map_err(failed)?
    };
    target::attach(&cover, Path::new(path))
}

fn make_read_only(path: &str) -> Result<(), Failure> {
    use rustix::mount::MountPropagationFlags;
    let failed = |e| Failure::new("make read-only", path, e);
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = match open_tree(CWD, path, flags) {
        Ok(tree) => tree,
        Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    warren_sys_mount::set_attributes(
        tree.as_fd(),
        MountAttrFlags::MOUNT_ATTR_RDONLY,
        MountPropagationFlags::empty(),
        warren_sys_mount::Depth::All,
    )
    .map_err(failed)?;
    target::attach(&tree, Path::new(path))
}

/// The first process reads nothing and writes nowhere, and holds no file of the keeper's.
fn stdio_from_null() -> Result<(), Failure> {
    let failed = |e| Failure::new("open", "/dev/null", e);
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let null = rustix::fs::openat(CWD, "/dev/null", flags, Mode::empty()).map_err(failed)?;
    rustix::stdio::dup2_stdin(&null).map_err(failed)?;
    rustix::stdio::dup2_stdout(&null).map_err(failed)?;
    rustix::stdio::dup2_stderr(&null).map_err(failed)
}
