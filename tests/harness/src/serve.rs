//! The actor's side: become what the specification says, then do what is asked.
//!
//! ```text
//! serve SPEC ── cgroup, join, unshare ──┬── no new pid namespace ───────────► mounts … requests
//!                                       └── inner SPEC, process 1 in there ─► mounts … requests
//! port PATH  ── no becoming, and requests come through a character device
//! exec ARGV  ── die with the actor, then become the program
//! tether ARGV ─ run the program until it ends or standard input closes
//! ```

mod network;
mod program;
mod requests;
mod setup;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use warren_sys_process::lifecycle::die_with_parent;

use crate::protocol::{Envelope, Ns, Reply, Spec};

/// A step that failed, on its way into [`Reply::Failed`].
#[derive(Debug, thiserror::Error)]
#[error("{step}: {reason}")]
pub(crate) struct Failure {
    step: String,
    reason: String,
    errno: Option<i32>,
}

impl From<Failure> for Reply {
    fn from(
        Failure {
            step,
            reason,
            errno,
        }: Failure,
    ) -> Reply {
        Reply::Failed {
            step,
            reason,
            errno,
        }
    }
}

/// Gives an error the step that met it.
pub(crate) trait During<T> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            step: step(),
            reason: error.to_string(),
            errno: error.raw_os_error(),
        })
    }
}

impl<T> During<T> for Result<T, Errno> {
    fn during(self, step: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(io::Error::from).during(step)
    }
}

/// A failure that is not the kernel's.
pub(crate) fn failure(step: impl Into<String>, reason: impl ToString) -> Failure {
    Failure {
        step: step.into(),
        reason: reason.to_string(),
        errno: None,
    }
}

/// The whole of the `warren-test-actor` executable.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let verb = arguments.first().and_then(|verb| verb.to_str());
    match (verb, arguments.get(1..)) {
        (Some("serve"), Some([spec])) => outer(spec),
        (Some("inner"), Some([spec])) => match die_with_parent(None) {
            Ok(()) => parse(spec).map_or_else(|failure| refuse(failure.into()), inner),
            Err(_) => ExitCode::FAILURE,
        },
        (Some("port"), Some([path])) => port(path),
        (Some("exec"), Some([program, arguments @ ..])) => exec(program, arguments),
        (Some("tether"), Some(argv @ [_, ..])) => tether(argv),
        _ => {
            eprintln!("usage: warren-test-actor serve SPEC | port PATH | exec ARGV | tether ARGV");
            ExitCode::from(2)
        }
    }
}

fn parse(spec: &OsString) -> Result<Spec, Failure> {
    let text = spec
        .to_str()
        .ok_or_else(|| failure("read the specification", "not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| failure("read the specification", error))
}

/// The part before a new pid namespace, which only a child can be in.
fn outer(spec: &OsString) -> ExitCode {
    let (spec, needs_child) = match parse(spec).and_then(setup::before_pid_namespace) {
        Ok(done) => done,
        Err(failure) => return refuse(failure.into()),
    };
    if !needs_child {
        return inner(spec);
    }
    let child = serde_json::to_string(&spec)
        .map_err(io::Error::from)
        .and_then(|spec| {
            Command::new("/proc/self/exe")
                .args(["inner", &spec])
                .status()
        });
    match child {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => refuse(failure("start the process in the new pid namespace", error).into()),
    }
}

/// The rest of becoming, and then requests until the test goes away.
fn inner(spec: Spec) -> ExitCode {
    let done = setup::after_pid_namespace(&spec).and_then(|()| {
        let input = io::stdin().as_fd().try_clone_to_owned();
        let output = io::stdout().as_fd().try_clone_to_owned();
        let input = input.during(|| "take over standard input".to_owned())?;
        let output = output.during(|| "take over standard output".to_owned())?;
        requests(input.into(), output.into())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => refuse(failure.into()),
    }
}

/// An actor that a test reaches through a character device, such as a serial
/// port of a virtual machine. The device may appear only after a while.
fn port(path: &OsString) -> ExitCode {
    let deadline = Instant::now() + Duration::from_secs(60);
    let opened = loop {
        match File::options().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            other => break other,
        }
    };
    let done = opened.and_then(|port| Ok((port.try_clone()?, port)));
    let done = done.during(|| format!("open {}", path.display()));
    match done.and_then(|(input, output)| requests(input, output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Says that it is ready, then answers until the test goes away.
fn requests(input: File, mut output: File) -> Result<(), Failure> {
    let cannot = || "answer".to_owned();
    say(&mut output, &setup::ready()?).during(cannot)?;
    let (sender, lines) = mpsc::channel();
    // One thread alone waits for the input, for requests and for the hang-up: of two that
    // wait for a virtio port, Linux may wake the one that does not read (virtio_console's
    // poll takes the message, and the interrupt that comes after finds none).
    std::thread::spawn(move || {
        for line in BufReader::new(input).lines() {
            let is_lost = line.is_err();
            if sender.send(line).is_err() || is_lost {
                return;
            }
        }
        // Whatever the other threads are doing, nobody wants it any more.
        std::process::exit(0);
    });
    let mut state = requests::State::default();
    for line in lines {
        let line = line.during(|| "read a request".to_owned())?;
        let reply = match serde_json::from_str::<Envelope>(&line) {
            Ok(envelope) => state.answer(envelope),
            Err(error) => failure("read a request", error).into(),
        };
        say(&mut output, &reply).during(cannot)?;
    }
    Ok(())
}

/// Returns when the other end of `input` has closed.
fn hang_up(input: &impl AsFd) {
    loop {
        // No event is asked for: only the hang-up wakes this.
        let mut waiting = [PollFd::new(input, PollFlags::empty())];
        match poll(&mut waiting, None) {
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}

/// Runs a program that does not outlive whoever holds the other end of standard input.
fn tether(argv: &[OsString]) -> ExitCode {
    let child = Command::new("/proc/self/exe")
        .arg("exec")
        .args(argv)
        .stdin(Stdio::null())
        .spawn();
    let status = child.and_then(|mut child| {
        let pid = Pid::from_child(&child);
        std::thread::spawn(move || {
            hang_up(&io::stdin());
            // The child is waited for only below, so the pid is still its own.
            let _ = kill_process(pid, Signal::KILL);
        });
        child.wait()
    });
    match status {
        Ok(status) => ExitCode::from(u8::from(!status.success())),
        Err(error) => {
            eprintln!("cannot start {argv:?}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Becomes a program that does not outlive the actor that started it.
fn exec(program: &OsString, arguments: &[OsString]) -> ExitCode {
    let error = match die_with_parent(None) {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(errno) => errno.into(),
    };
    eprintln!("{}: {error}", program.display());
    ExitCode::from(127)
}

fn say(output: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

fn refuse(reply: Reply) -> ExitCode {
    // If nobody listens any more, there is nobody to tell.
    let _ = say(&mut io::stdout(), &reply);
    ExitCode::FAILURE
}

/// A command that starts this executable again, as `verb`.
pub(crate) fn this_executable(verb: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg(verb)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Whether `kinds` holds the pid namespace.
pub(crate) fn with_pid(kinds: &[Ns]) -> bool {
    kinds.contains(&Ns::Pid)
}
