//! Starting processes in a container, and running code in it.

use std::convert::Infallible;
use std::ffi::CString;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, FileType, Mode};
use rustix::io::Errno;
use rustix::process::{Pid, ioctl_tiocsctty, setsid, umask};
use warren_sys_cgroup::Cgroup;
use warren_sys_cgroup::locate::{Process, locate_writable};
use warren_sys_process::exec;
use warren_sys_process::fork::{self, Fork};

use super::channel::{Channel, Message, PATIENCE, Received, Refusal};
use super::container::{Container, Inside, Stdio};
use super::create::end;
use super::error::{Failure, SpawnError};
use super::join::Refused;
use super::{identity, join, oom, rlimits};
use crate::bundle::environment;
use crate::spec::ProcessSpec;
use crate::users::{LookupError, User};

/// Starts a process; see [`Container::spawn`].
pub(super) fn program(
    container: &Container,
    process: &ProcessSpec,
    stdio: Stdio,
) -> Result<Pid, SpawnError> {
    let child = |channel: &Channel, born_in_v2: bool| {
        let Err(refusal) = execute(container, process, &stdio, channel, born_in_v2);
        refusal
    };
    in_child(container, Home::Init, child, true, &process.path)
}

/// Runs code; see [`Container::within`].
pub(super) fn work(
    container: &Container,
    user: &str,
    directory: Option<&Path>,
    work: impl FnOnce(&Inside) -> i32,
) -> Result<Pid, SpawnError> {
    let mut work = Some(work);
    let child = |channel: &Channel, born_in_v2: bool| {
        match go_inside(container, user, directory, born_in_v2) {
            Ok(inside) => {
                channel.send(&Message::Ready, None);
                // There is one child that comes here, and it does so once.
                let code = work.take().map_or(1, |work| work(&inside));
                fork::exit(code)
            }
            Err(refusal) => refusal,
        }
    };
    in_child(container, Home::Init, child, false, "")
}

/// In which group of cgroup v2 a process begins.
pub(super) enum Home<'a> {
    /// Where the first process is: the container's own group, or one below it into which a manager
    /// inside has moved. Such a manager can enable no controller while others are in the former.
    Init,
    /// This one, if there is one.
    Group(Option<&'a Cgroup>),
}

/// Forks a child for `run`, which either says that it is ready or returns why not.
pub(super) fn in_child(
    container: &Container,
    home: Home<'_>,
    mut run: impl FnMut(&Channel, bool) -> Refusal,
    until_executed: bool,
    path: &str,
) -> Result<Pid, SpawnError> {
    let (channel, theirs) =
        Channel::pair().map_err(|e| SpawnError::Step(Failure::new("make", "a socket", e)))?;
    let own = match home {
        Home::Init => container.groups.init.v2.as_ref(),
        Home::Group(_) => None,
    };
    // If it cannot be found the first process is gone, which the fork tells.
    let elsewhere = match has_moved(container, own) {
        true => group_of_init(container).ok(),
        false => None,
    };
    let group = match home {
        Home::Init => elsewhere.as_ref().or(own),
        Home::Group(group) => group,
    };
    let forked = match join::fork_inside(container, group) {
        Err(Refused::GroupBusy) => join::fork_inside(container, Some(&group_of_init(container)?)),
        forked => forked,
    };
    let pid = match forked {
        Ok((Fork::Child, born_in_v2)) => {
            drop(channel);
            let ended =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&theirs, born_in_v2)));
            if let Ok(refusal) = ended {
                theirs.send(&Message::Failed(refusal), None);
            }
            fork::exit(101)
        }
        Ok((Fork::Parent(pid), _)) => pid,
        Err(Refused::GroupBusy) => {
            let failure = Failure::new("join", "the group of pid 1", Errno::BUSY);
            return Err(SpawnError::Step(failure));
        }
        Err(Refused::Other(error)) => return Err(error),
    };
    drop(theirs);
    // The manager may have moved just now, with all that it saw, which this one was not among.
    if elsewhere.is_none()
        && has_moved(container, own)
        && let Ok(group) = group_of_init(container)
        && let Err(error) = group.add(pid)
    {
        end(pid);
        let failure = Failure::because("join", "the group of pid 1", &error);
        return Err(SpawnError::Step(failure));
    }
    let error = match follow(&channel, until_executed) {
        Ok(None) => return Ok(pid),
        Ok(Some(refusal)) => error_of(refusal, path),
        Err(error) => error,
    };
    end(pid);
    Err(error)
}

/// Waits until the child is under way, or has said why not.
fn follow(channel: &Channel, until_executed: bool) -> Result<Option<Refusal>, SpawnError> {
    let mut ready = false;
    loop {
        let received = channel
            .receive(Some(PATIENCE))
            .map_err(|e| SpawnError::Step(Failure::new("hear from", "the process", e)))?;
        match received {
            Received::Message(Message::Ready, _) if !until_executed => return Ok(None),
            Received::Message(Message::Ready, _) => ready = true,
            Received::Message(Message::Failed(refusal), _) => return Ok(Some(refusal)),
            // The program's execution closed it.
            Received::End if ready => return Ok(None),
            Received::End | Received::Message(..) => return Err(SpawnError::Died),
            Received::Nothing => return Err(SpawnError::TimedOut(PATIENCE)),
        }
    }
}

/// Whether the first process is no longer in the container's own group. What cannot be read is for
/// the fork to tell.
fn has_moved(container: &Container, own: Option<&Cgroup>) -> bool {
    let init = container.init.as_raw_nonzero().get();
    own.and_then(|group| group.procs().ok())
        .is_some_and(|processes| !processes.contains(&init))
}

/// Where a manager inside has put the first process.
fn group_of_init(container: &Container) -> Result<Cgroup, SpawnError> {
    locate_writable(Process::Pid(container.init), None)
        .map(|located| located.group)
        .map_err(|e| SpawnError::Step(Failure::because("find", "the group of pid 1", &e)))
}

fn error_of(refusal: Refusal, path: &str) -> SpawnError {
    let path = || path.to_owned();
    match refusal {
        Refusal::Step(failure) => SpawnError::Step(failure),
        Refusal::NotFound => SpawnError::NotFound { path: path() },
        Refusal::NotExecutable(errno) => SpawnError::NotExecutable {
            path: path(),
            source: Errno::from_raw_os_error(errno),
        },
        Refusal::NoUser(name) => LookupError::NoUser(name).into(),
        Refusal::NoGroup(name) => LookupError::NoGroup(name).into(),
        Refusal::UserFile(file, errno) => LookupError::File {
            file: if file.ends_with("group") {
                "etc/group"
            } else {
                "etc/passwd"
            },
            source: Errno::from_raw_os_error(errno),
        }
        .into(),
        Refusal::Directory(path, source) => SpawnError::Directory { path, source },
        Refusal::Limit(resource, value, errno) => SpawnError::Limit {
            resource,
            value,
            source: Errno::from_raw_os_error(errno),
        },
    }
}

/// In the child: becomes the program.
fn execute(
    container: &Container,
    process: &ProcessSpec,
    stdio: &Stdio,
    channel: &Channel,
    born_in_v2: bool,
) -> Result<Infallible, Refusal> {
    join::groups(&container.groups.init, born_in_v2)?;
    oom::offer(container.oom_score)
        .map_err(|error| Failure::because("set", "the OOM score", &error))?;
    rlimits::raise(&process.rlimits)?;
    let user = join::namespaces_but_users(container, &process.user)?;
    join::own_stdio(container, stdio, &user)?;
    join::user_namespace(container)?;
    let inherited = &container.bundle.process.env;
    become_program(container, process, inherited, &user, stdio, channel)
}

/// In the child, which is where the program is to be: becomes it.
pub(super) fn become_program(
    container: &Container,
    process: &ProcessSpec,
    inherited: &[String],
    user: &User,
    stdio: &Stdio,
    channel: &Channel,
) -> Result<Infallible, Refusal> {
    let merged = environment::merge(&[inherited, &process.env]);
    let environment = environment::complete(merged, user);
    let directory = join::directory(user, process.dir.as_deref())?;
    connect(stdio)?;
    umask(Mode::from_raw_mode(0o022));
    let entered = join::enter(&directory);
    identity::assume(&container.bundle, &container.filter, user)?;
    if entered.is_err() {
        join::enter(&directory)?;
    }
    let failed = |e| Failure::new("execute", &process.path, e);
    exec::reset_signals().map_err(failed)?;
    let program = find(&process.path, &environment)?;
    let arguments = std::iter::once(&process.path).chain(&process.args);
    let arguments = strings(arguments)?;
    let environment = strings(environment.iter())?;
    exec::close_from_on_exec(3).map_err(failed)?;
    rlimits::settle(&process.rlimits)?;
    channel.send(&Message::Ready, None);
    let errno = exec::program(&program, &arguments, &environment);
    Err(Refusal::NotExecutable(errno.raw_os_error()))
}

/// In the child: becomes the user, without a program.
fn go_inside(
    container: &Container,
    user: &str,
    directory: Option<&Path>,
    born_in_v2: bool,
) -> Result<Inside, Refusal> {
    join::groups(&container.groups.init, born_in_v2)?;
    let user = join::namespaces_but_users(container, user)?;
    join::user_namespace(container)?;
    let begin = match directory {
        Some(_) => Some(join::directory(&user, directory)?),
        None => None,
    };
    umask(Mode::from_raw_mode(0o022));
    let home = begin.as_deref().unwrap_or(&user.home);
    let mut entered = join::enter(home);
    identity::become_user(&container.bundle, &user)?;
    if entered.is_err() {
        entered = join::enter(home);
    }
    if begin.is_some() {
        entered?;
    } else if entered.is_err() {
        // A home that is missing keeps nobody from working elsewhere.
        join::enter(Path::new("/"))?;
    }
    Ok(Inside {
        uid: user.uid,
        gid: user.gid,
        home: user.home,
    })
}

/// Puts the standard streams in their places, in a session of the process's own.
fn connect(stdio: &Stdio) -> Result<(), Refusal> {
    setsid().map_err(|e| Failure::new("make", "a session", e))?;
    let [stdin, stdout, stderr] = match stdio {
        Stdio::Files {
            stdin,
            stdout,
            stderr,
        } => [stdin, stdout, stderr],
        Stdio::Terminal(slave) => {
            ioctl_tiocsctty(slave).map_err(|e| Failure::new("control", "the terminal", e))?;
            [slave, slave, slave]
        }
    };
    let failed = |e| Failure::new("connect", "the standard streams", e);
    // A source that is itself one of the first three must not be overwritten before it is used.
    let sources = [stdin, stdout, stderr].map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, 3));
    let [stdin, stdout, stderr] = sources;
    rustix::stdio::dup2_stdin(stdin.map_err(failed)?).map_err(failed)?;
    rustix::stdio::dup2_stdout(stdout.map_err(failed)?).map_err(failed)?;
    rustix::stdio::dup2_stderr(stderr.map_err(failed)?).map_err(failed)?;
    Ok(())
}

/// The program's file: the path if it has a slash, else the first match in `PATH`.
fn find(path: &str, environment: &[String]) -> Result<CString, Refusal> {
    let c_string = |path: &str| CString::new(path).map_err(|_| Refusal::NotFound);
    if path.contains('/') {
        return match is_program(path) {
            Ok(()) => c_string(path),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(Refusal::NotFound),
            Err(errno) => Err(Refusal::NotExecutable(errno.raw_os_error())),
        };
    }
    if path.is_empty() {
        return Err(Refusal::NotFound);
    }
    let list = environment::value(environment, "PATH").unwrap_or_default();
    for directory in list.split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        let candidate = format!("{directory}/{path}");
        if is_program(&candidate).is_ok() {
            return c_string(&candidate);
        }
    }
    Err(Refusal::NotFound)
}

/// Whether the user may execute this file.
fn is_program(path: &str) -> Result<(), Errno> {
    let stat = rustix::fs::statat(CWD, path, AtFlags::empty())?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::ACCESS);
    }
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::empty())
}

fn strings<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<CString>, Refusal> {
    let text = |text: &String| {
        CString::new(text.as_str())
            .map_err(|_| Failure::new("pass", "a text with a NUL byte", Errno::INVAL).into())
    };
    texts.map(text).collect()
}
