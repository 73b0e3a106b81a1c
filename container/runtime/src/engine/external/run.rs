//! Calling the runtime from a container's keeper.
//!
//! It reads nothing and writes to nobody but its log: the container's first process inherits what it
//! has. It is forked as every child of the keeper is, so that it can be born in a group, and sees
//! groups as the view has them.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, kill_process, pidfd_open, setsid,
    umask, waitpid,
};
use warren_sys_cgroup::Cgroup;
use warren_sys_process::exec;
use warren_sys_process::fork::{self, Fork};
use warren_sys_process::lifecycle::die_with_parent;

use super::super::channel::{Channel, Message, PATIENCE, Received, Refusal};
use super::super::create::end;
use super::super::error::Failure;
use super::view::View;
use super::{External, ExternalError, ID, Messages, log};

impl External {
    /// `PROGRAM --root ... STEP ARGUMENTS ID`; the answer is what it has remarked.
    pub(super) fn run(
        &self,
        step: &'static str,
        arguments: &[&Path],
        view: Option<&View>,
        group: Option<&Cgroup>,
    ) -> Result<Messages, ExternalError> {
        let log = self.log();
        match std::fs::remove_file(&log) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let failure = Failure::because("remove", log.display(), &error);
                return Err(ExternalError::Step(failure));
            }
            _ => {}
        }
        let argv = self.command(step, arguments)?;
        let pid = self.fork(&argv, view, group)?;
        let how = match wait(pid, PATIENCE) {
            Ok(status) => status,
            Err(Errno::TIMEDOUT) => {
                end(pid);
                return Err(ExternalError::TimedOut {
                    program: self.program.clone(),
                    step,
                    limit: PATIENCE,
                });
            }
            Err(errno) => {
                end(pid);
                let failure = Failure::new("wait for", self.program.display(), errno);
                return Err(ExternalError::Step(failure));
            }
        };
        let messages = log::read(&log);
        match (how.exit_status(), how.terminating_signal()) {
            (Some(0), _) => Ok(messages),
            (Some(status), _) => Err(self.failed(step, format!("exit status {status}"), &messages)),
            (None, signal) => {
                let signal = signal.unwrap_or_default();
                Err(self.failed(step, format!("signal {signal}"), &messages))
            }
        }
    }

    fn failed(&self, step: &'static str, how: String, messages: &Messages) -> ExternalError {
        ExternalError::Failed {
            program: self.program.clone(),
            step,
            how,
            said: said(messages, &self.program),
        }
    }

    fn command(&self, step: &str, arguments: &[&Path]) -> Result<Vec<CString>, ExternalError> {
        let text = |text: &[u8]| {
            CString::new(text).map_err(|_| {
                let failure = Failure::new("pass", "a path with a NUL byte", Errno::INVAL);
                ExternalError::Step(failure)
            })
        };
        let (state, log) = (self.state(), self.log());
        let before: [&Path; 8] = [
            &self.program,
            Path::new("--root"),
            &state,
            Path::new("--log"),
            &log,
            Path::new("--log-format"),
            Path::new("json"),
            Path::new(step),
        ];
        let id = [Path::new(ID)];
        let all = before.iter().chain(arguments).chain(&id);
        all.map(|path| text(path.as_os_str().as_bytes())).collect()
    }

    fn fork(
        &self,
        argv: &[CString],
        view: Option<&View>,
        group: Option<&Cgroup>,
    ) -> Result<Pid, ExternalError> {
        let (channel, theirs) = Channel::pair()
            .map_err(|e| ExternalError::Step(Failure::new("make", "a socket", e)))?;
        let keeper = getpid();
        let pid = match fork::fork_into(&[], group.map(AsFd::as_fd))? {
            (Fork::Child, born_in_group) => {
                drop(channel);
                let group = group.filter(|_| !born_in_group);
                let refusal = become_runtime(argv, view, group, keeper, &theirs);
                theirs.send(&Message::Failed(refusal), None);
                fork::exit(101)
            }
            (Fork::Parent(pid), _) => pid,
        };
        drop(theirs);
        let error = loop {
            let received = channel.receive(Some(PATIENCE));
            break match received {
                Ok(Received::Message(Message::Ready, _)) => continue,
                // Its execution closed the other end.
                Ok(Received::End) => return Ok(pid),
                Ok(Received::Message(Message::Failed(Refusal::Step(failure)), _)) => {
                    ExternalError::Step(failure)
                }
                Ok(Received::Message(Message::Failed(Refusal::NotExecutable(errno)), _)) => {
                    ExternalError::Execute {
                        program: self.program.clone(),
                        source: Errno::from_raw_os_error(errno),
                    }
                }
                Ok(Received::Message(..) | Received::Nothing) => {
                    let failure = Failure::new("prepare", self.program.display(), Errno::PROTO);
                    ExternalError::Step(failure)
                }
                Err(errno) => {
                    ExternalError::Step(Failure::new("hear from", self.program.display(), errno))
                }
            };
        };
        end(pid);
        Err(error)
    }
}

/// What to tell of a failure: the runtime's own words, and what may be done.
pub(super) fn said(messages: &Messages, program: &Path) -> String {
    let all = messages.warnings.iter().chain(&messages.errors);
    let words: Vec<&str> = all.map(String::as_str).collect();
    let words = words.join("; ");
    if words.is_empty() {
        let program = program.display();
        return format!(
            "it wrote nothing into its log; is it a runtime of the OCI? see {program} --version"
        );
    }
    let remedy = if words.contains("unable to apply caps") {
        "; a nested or restricted machine lacks capabilities that the runtime insists on: \
         serve without --runtime"
    } else if words.contains("MEMLOCK") {
        "; it wants CAP_SYS_RESOURCE or a higher limit of locked memory: raise it, or serve \
         without --runtime"
    } else {
        "; if the same container can be made without --runtime, that is the way round"
    };
    format!("{words}{remedy}")
}

fn become_runtime(
    argv: &[CString],
    view: Option<&View>,
    group: Option<&Cgroup>,
    keeper: Pid,
    channel: &Channel,
) -> Refusal {
    let prepared = prepare(view, group, keeper);
    if let Err(failure) = prepared {
        return failure.into();
    }
    let Some(program) = argv.first() else {
        return Refusal::NotFound;
    };
    let path = std::env::var("PATH").ok();
    let path = path.and_then(|path| CString::new(format!("PATH={path}")).ok());
    let environment: Vec<CString> = path.into_iter().collect();
    channel.send(&Message::Ready, None);
    let errno = exec::program(program, argv, &environment);
    Refusal::NotExecutable(errno.raw_os_error())
}

fn prepare(view: Option<&View>, group: Option<&Cgroup>, keeper: Pid) -> Result<(), Failure> {
    if let Some(group) = group {
        group
            .add(getpid())
            .map_err(|e| Failure::because("join", "the container's control group", &e))?;
    }
    if let Some(view) = view {
        view.enter()?;
    }
    let failed = |step| move |e| Failure::new(step, "the external runtime", e);
    // What it would go on to make nobody would know of.
    die_with_parent(Some(keeper)).map_err(failed("bind to the keeper"))?;
    setsid().map_err(failed("make a session for"))?;
    umask(Mode::from_raw_mode(0o022));
    let null = rustix::fs::openat(
        CWD,
        "/dev/null",
        OFlags::RDWR | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|e| Failure::new("open", "/dev/null", e))?;
    let failed = |e| Failure::new("connect", "the external runtime's streams", e);
    rustix::stdio::dup2_stdin(&null).map_err(failed)?;
    rustix::stdio::dup2_stdout(&null).map_err(failed)?;
    rustix::stdio::dup2_stderr(&null).map_err(failed)?;
    exec::reset_signals().map_err(failed)?;
    exec::close_from_on_exec(3).map_err(failed)
}

/// Waits for a child's end.
pub(super) fn wait(pid: Pid, limit: Duration) -> Result<WaitStatus, Errno> {
    let fd = pidfd_open(pid, PidfdFlags::empty())?;
    if !ended_within(&fd, limit)? {
        return Err(Errno::TIMEDOUT);
    }
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) => {}
        }
    }
}

/// Whether a process ends in this time.
pub(super) fn ended_within(pidfd: impl AsFd, limit: Duration) -> Result<bool, Errno> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], left.as_ref()) {
            Err(Errno::INTR) => {}
            answer => return answer.map(|ready| ready > 0),
        }
    }
}

/// Kills a child that may have ended, and waits for it.
pub(super) fn kill(pid: Pid) {
    // Nobody else waits for it.
    let _gone = kill_process(pid, Signal::KILL);
    let _gone = waitpid(Some(pid), WaitOptions::empty());
}
