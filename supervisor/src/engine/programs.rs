//! Programs of services: run, adopted from a supervisor before us, and ended.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use warren_sys_process::daemon::in_own_session;
use warren_sys_process::enter::in_group;
use warren_sys_process::{busy, noted};

use crate::date;
use crate::fleet::{Live, Millis, Purpose};
use crate::groups::Groups;
use crate::monitrc::model::Program;
use crate::procfs::Process;
use crate::users;
use crate::view::Vitals;

/// How long a program has between SIGTERM and SIGKILL.
const GRACE: Millis = 2000;

/// What programs find in their environment; monit's value.
const PATH: &str = "/bin:/usr/bin:/sbin:/usr/sbin";

/// A program that runs.
#[derive(Debug)]
pub(super) struct Running {
    /// The service's name, in small letters.
    pub service: String,
    pub purpose: Purpose,
    pub live: Live,
    pub fd: Option<OwnedFd>,
    child: Option<Child>,
    kill_at: Option<Millis>,
}

/// What a program is told about why it runs.
pub(super) struct Cause<'a> {
    pub service: &'a str,
    pub host: &'a str,
    pub event: &'a str,
    pub description: &'a str,
    pub vitals: Option<&'a Vitals>,
}

/// What is told of a program that is there and has not begun; see [`noted`].
pub(super) type Note<'a> = &'a mut dyn FnMut(Running);

/// Starts a program. If this process ends before `note` is done, the program never begins.
pub(super) fn spawn(
    program: &Program,
    purpose: Purpose,
    cause: &Cause<'_>,
    groups: &Groups,
    mut note: Option<Note<'_>>,
) -> Result<Running, String> {
    let (file, arguments) = program.command.split_first().ok_or("an empty command")?;
    let ids = Ids::of(program)?;
    let command = |entrance: Option<&OwnedFd>| -> io::Result<Command> {
        let mut command = Command::new(file);
        command.args(arguments);
        ids.set(&mut command);
        cause.tell(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.current_dir("/");
        if let Some(procs) = entrance {
            in_group(&mut command, procs.try_clone()?);
        }
        in_own_session(&mut command);
        Ok(command)
    };
    let start = |entrance: Option<OwnedFd>| {
        busy::retry(|| {
            let mut command = command(entrance.as_ref())?;
            let Some(note) = &mut note else {
                return command.spawn();
            };
            let begun = |pid: u32| note(Running::new(cause.service, purpose, pid));
            noted::spawn(command, begun)
        })
    };
    let child = groups
        .start(cause.service, start)
        .map_err(|error| format!("cannot run {file}: {error}"))?;
    let mut running = Running::new(cause.service, purpose, child.id());
    running.child = Some(child);
    Ok(running)
}

/// Whose rights a program has.
struct Ids {
    user: Option<u32>,
    group: Option<u32>,
}

impl Ids {
    fn of(program: &Program) -> Result<Ids, String> {
        let group = program
            .group
            .as_ref()
            .map(|name| users::group(name).ok_or_else(|| format!("there is no group {name:?}")));
        let user = program
            .user
            .as_ref()
            .map(|name| users::user(name).ok_or_else(|| format!("there is no user {name:?}")));
        Ok(Ids {
            group: group.transpose()?,
            user: user.transpose()?,
        })
    }

    fn set(&self, command: &mut Command) {
        if let Some(group) = self.group {
            command.gid(group);
        }
        if let Some(user) = self.user {
            command.uid(user);
        }
    }
}

impl Cause<'_> {
    /// Makes it the environment of a program.
    fn tell(&self, command: &mut Command) {
        command.env_clear().env("PATH", PATH);
        if let Some(zone) = std::env::var_os("TZ") {
            command.env("TZ", zone);
        }
        let (now, _) = date::since_epoch(SystemTime::now());
        command.env("MONIT_DATE", date::mail(now, "+0000"));
        for (name, value) in [
            ("SERVICE", self.service),
            ("HOST", self.host),
            ("EVENT", self.event),
            ("DESCRIPTION", self.description),
        ] {
            command.env(format!("MONIT_{name}"), value.replace('\0', "?"));
        }
        if let Some(vitals) = self.vitals {
            command.env("MONIT_PROCESS_PID", vitals.pid.to_string());
            command.env("MONIT_PROCESS_MEMORY", vitals.memory.to_string());
            command.env("MONIT_PROCESS_CHILDREN", vitals.children.to_string());
            command.env("MONIT_PROCESS_CPU_PERCENT", format!("{:.1}", vitals.cpu));
        }
    }
}

/// A descriptor that becomes readable when the process ends.
pub(super) fn watch(pid: i32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}

impl Running {
    fn new(service: &str, purpose: Purpose, pid: u32) -> Running {
        let pid = pid.cast_signed();
        // One that has ended already is still there as a zombie of ours, and counts as ended.
        let live = Process::of(pid).map_or(Live { pid, started: 0 }, |process| process.live());
        Running {
            service: service.to_lowercase(),
            purpose,
            live,
            fd: watch(pid),
            child: None,
            kill_at: None,
        }
    }

    /// Takes over a program that a supervisor before us started, if it still runs.
    pub fn adopt(service: &str, purpose: Purpose, live: Live) -> Option<Running> {
        let fd = watch(live.pid);
        (Process::of(live.pid)?.live() == live).then(|| Running {
            service: service.to_owned(),
            purpose,
            live,
            fd,
            child: None,
            kill_at: None,
        })
    }

    /// How it ended, if it has: in words if that is not good.
    pub fn ended(&mut self) -> Option<Option<String>> {
        let Some(child) = &mut self.child else {
            let still = Process::of(self.live.pid).is_some_and(|each| each.live() == self.live);
            return (!still).then_some(None);
        };
        match child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) if status.success() => Some(None),
            Ok(Some(status)) => Some(Some(match (status.code(), status.signal()) {
                (Some(code), _) => format!("exited with {code}"),
                (None, Some(signal)) => format!("was ended by signal {signal}"),
                (None, None) => "ended".to_owned(),
            })),
            // Somebody else in this process has reaped it.
            Err(_) => Some(None),
        }
    }

    /// Asks it and what it has started in its group to end.
    pub fn end(&mut self, now: Millis) {
        if self.kill_at.is_none() {
            self.signal(Signal::TERM);
            self.kill_at = Some(now + GRACE);
        }
    }

    /// Ends it by force if it has been asked long ago.
    pub fn force(&mut self, now: Millis) {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.signal(Signal::KILL);
            self.kill_at = Some(now + GRACE);
        }
    }

    pub fn is_ending(&self) -> bool {
        self.kill_at.is_some()
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.live.pid) {
            // It leads its group, which has its id as long as it has not been reaped.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Runs a program to its end, for its exit status. Blocks.
pub(super) fn status(program: &Program, cause: &Cause<'_>, groups: &Groups) -> Result<i64, String> {
    let mut running = spawn(program, Purpose::Exec, cause, groups, None)?;
    let until = std::time::Instant::now() + program.timeout;
    let child = running.child.as_mut().ok_or("no child")?;
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => {
                let signal = status.signal().map(|signal| 128 + signal);
                return Ok(i64::from(status.code().or(signal).unwrap_or(-1)));
            }
            None if std::time::Instant::now() >= until => break,
            None => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
    running.signal(Signal::KILL);
    if let Some(child) = running.child.as_mut() {
        let _ = child.wait();
    }
    Err(format!(
        "its program still ran after {} s",
        program.timeout.as_secs()
    ))
}
