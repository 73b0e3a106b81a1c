//! From `warren shim DIR` to the loop.
//!
//! Standard output is the line to whoever started us ([`Report`]), standard error the container's
//! `shim.log`. Everything else that was inherited is closed.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};
use warren_container_runtime::engine::external::External;
use warren_container_runtime::engine::{Container, Options};
use warren_container_runtime::identity::Identity;
use warren_lib_errchain::chain;
use warren_sys_process::descriptor_limit::take_back;
use warren_sys_process::descriptors::close_all_but;
use warren_sys_process::fork::{Fork, fork};

use super::engine::Engine;
use super::{Shim, Times, log, other_text};
use crate::record::Record;
use crate::report::{self, Report};
use crate::spec::{ContainerSpec, Place};
use crate::wire::Failure;

/// How many remarks whoever started us is told, and how long each may be, in characters; all are in
/// the log.
const MOST_REMARKS: usize = 8;
const LONGEST_REMARK: usize = 500;

/// The verb `warren shim DIR`: makes the container that is described in `directory`, says so on
/// standard output, and then keeps it, in a process that is nobody's child.
///
/// Returns in the process that was started as soon as there is the other one, and in that when the
/// container has been destroyed. Must be called while the process has one thread.
pub fn run(directory: &Path) -> ExitCode {
    // What a parent has left open would be held for the container's life.
    if let Err(errno) = close_all_but(&[stdin(), stdout(), stderr()]) {
        log(&format!("cannot close what was inherited: {errno}"));
    }
    // All that the container runs inherits it.
    if let Err(errno) = take_back() {
        log(&format!(
            "cannot set the limit of descriptors back: {errno}"
        ));
    }
    match fork() {
        Ok(Fork::Parent(_)) => ExitCode::SUCCESS,
        Ok(Fork::Child) => {
            let outcome = keep(directory);
            if let Err(failure) = &outcome {
                log(&failure.message);
            }
            ExitCode::from(u8::from(outcome.is_err()))
        }
        Err(error) => {
            let failure = super::engine::other(&error);
            report::send(stdout(), &Report::Failed(failure), None);
            ExitCode::FAILURE
        }
    }
}

fn keep(directory: &Path) -> Result<(), Failure> {
    let line = detach().map_err(|errno| other_text(format!("cannot detach: {errno}")))?;
    let made = make(directory, line.as_fd());
    let (report, net, shim) = match made {
        Ok(shim) => {
            let init = shim.engine.init().as_raw_nonzero().get();
            let remarks = few(shim.engine.remarks());
            (
                Report::Created { init, remarks },
                shim.engine.net_namespace(),
                Ok(shim),
            )
        }
        Err(failure) => (Report::Failed(failure.clone()), None, Err(failure)),
    };
    report::send(line.as_fd(), &report, net.as_ref().map(AsFd::as_fd));
    drop((line, net));
    let mut shim = shim?;
    shim.serve()
        .map_err(|errno| other_text(format!("the shim's loop failed: {errno}")))
}

/// As many remarks as fit into a report for certain.
fn few(remarks: &[String]) -> Vec<String> {
    let short = |text: &String| text.chars().take(LONGEST_REMARK).collect();
    remarks.iter().take(MOST_REMARKS).map(short).collect()
}

/// Leaves the session and the directory of whoever started us, and takes the line to them off standard
/// output.
fn detach() -> Result<OwnedFd, rustix::io::Errno> {
    rustix::process::setsid()?;
    rustix::process::chdir("/")?;
    let line = fcntl_dupfd_cloexec(stdout(), 3)?;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let null = rustix::fs::open(c"/dev/null", flags, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(line)
}

/// Makes the container; `line` is told of its network while the rest is under way.
fn make(directory: &Path, line: BorrowedFd<'_>) -> Result<Shim<Container>, Failure> {
    let failed = |step: &str, error: &dyn std::error::Error| {
        other_text(format!(
            "cannot {step} {}: {}",
            directory.display(),
            chain(error)
        ))
    };
    let spec = std::fs::read(directory.join("container.json"))
        .map_err(|error| failed("read container.json in", &error))?;
    let spec: ContainerSpec = serde_json::from_slice(&spec)
        .map_err(|error| failed("understand container.json in", &error))?;
    // Before there is anything that could be left where we were.
    enter(spec.cgroup.keeper.as_ref()).map_err(|error| failed("enter the group for", &*error))?;
    let bundle =
        crate::bundle::read(directory).map_err(|error| failed("read config.json in", &error))?;
    let own = rustix::process::getpid();
    let mut record = Record {
        shim: Identity::of(own).ok_or_else(|| other_text("cannot read /proc/self/stat".into()))?,
        init: None,
        place: spec.cgroup.parent.child(&spec.cgroup.name),
    };
    let save = |record: &Record| {
        record
            .save(directory)
            .map_err(|error| failed("write shim.json in", &error))
    };
    save(&record)?;
    let listener = listen(directory).map_err(|error| failed("make a socket in", &error))?;
    let mut options = Options::of(&spec);
    options.external = External::of(&spec, &directory.join(crate::forget::RUNTIME));
    let container = Container::create_telling(&bundle, &options, &mut |network| {
        report::send(line, &Report::Network, Some(network));
    });
    let container = container.map_err(|error| super::engine::other(&error))?;
    for remark in container.remarks() {
        log(remark);
    }
    record.init = Identity::of(Engine::init(&container));
    let shim = Shim::new(directory.to_owned(), container, listener, Times::default())
        .map_err(|errno| failed("watch the container in", &errno))?;
    match save(&record) {
        Ok(()) => Ok(shim),
        // Init dies with us, and its groups are found by the place.
        Err(failure) => Err(failure),
    }
}

/// Goes into these groups.
fn enter(keeper: Option<&Place>) -> Result<(), Box<dyn std::error::Error>> {
    match keeper {
        Some(place) => Ok(place.open()?.add(rustix::process::getpid())?),
        None => Ok(()),
    }
}

/// The address of a socket is short, so it is named by a descriptor of its directory.
fn listen(directory: &Path) -> std::io::Result<UnixListener> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::open(directory, flags, Mode::empty())?;
    let umask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(format!("/proc/self/fd/{}/shim.sock", open.as_raw_fd()));
    rustix::process::umask(umask);
    let listener = listener?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
