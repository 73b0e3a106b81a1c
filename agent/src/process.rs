//! Programs that actions run: with a process group of their own, bounded output, and an end on
//! demand.
//!
//! ```text
//! running ── cancelled ──► SIGTERM to the group ── all have ended, or 10 s ──► SIGKILL ──► outcome
//!    └────── ends ───────► outcome
//! ```

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, setpriority_process,
    test_kill_process_group,
};
use warren_sys_process::busy;

/// Time between SIGTERM and SIGKILL.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// A wish that something end, shared by who wishes and who works.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    is_wished: AtomicBool,
    lock: Mutex<()>,
    told: Condvar,
}

impl Cancel {
    /// Wishes it.
    pub fn cancel(&self) {
        self.0.is_wished.store(true, Ordering::SeqCst);
        let _lock = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.told.notify_all();
    }

    /// Whether it was wished.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_wished.load(Ordering::SeqCst)
    }

    /// Sleeps; tells whether to go on.
    #[must_use]
    pub fn sleep(&self, length: Duration) -> bool {
        let deadline = Instant::now() + length;
        let mut lock = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.is_cancelled() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.0.told.wait_timeout(lock, left);
            lock = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

/// A program that could not be run.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {program}")]
pub struct RunError {
    /// What was tried.
    pub step: &'static str,
    /// With which program.
    pub program: String,
    /// Why not.
    pub source: io::Error,
}

/// How much of an output is kept, and where else it goes.
#[derive(Debug)]
pub struct Sink {
    /// How many bytes of its end are kept.
    pub keep: usize,
    /// A file that gets all of it.
    pub log: Option<File>,
}

impl Sink {
    /// Keeps the end of an output.
    #[must_use]
    pub fn tail(keep: usize) -> Self {
        Self { keep, log: None }
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status, or 128 and the signal's number.
    pub code: i32,
    /// The end of its output.
    pub stdout: Kept,
    /// The end of its complaints.
    pub stderr: Kept,
}

/// The kept end of an output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether there was more before them.
    pub is_cut: bool,
}

impl Kept {
    /// As text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Runs a program to its end. If that is wished for, all processes of its group end with it.
///
/// A background process that keeps the output open does not hold it up: what it writes after the
/// program's end is not waited for.
///
/// # Errors
/// [`RunError`]; an exit status other than 0 is none.
pub fn run(
    command: &mut Command,
    stdout: Sink,
    stderr: Sink,
    nice: i32,
    cancel: &Cancel,
) -> Result<Outcome, RunError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |step| {
        let program = program.clone();
        move |source| RunError {
            step,
            program,
            source,
        }
    };
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn(command).map_err(failed("run"))?;
    let pid = Pid::from_child(&child);
    if nice != 0 {
        // A wish; without the right to it the program runs as it is.
        let _ = setpriority_process(Some(pid), nice);
    }
    let readers = [
        child.stdout.take().map(|pipe| reader(pipe, stdout)),
        child.stderr.take().map(|pipe| reader(pipe, stderr)),
    ];
    let status = wait(&mut child, pid, cancel).map_err(failed("wait for"))?;
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    let [stdout, stderr] = readers.map(|reader| reader.map(finish).unwrap_or_default());
    Ok(Outcome {
        code,
        stdout,
        stderr,
    })
}

/// Starts a program, whose script may have been written a moment ago.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    busy::retry(|| command.spawn())
}

fn wait(child: &mut Child, pid: Pid, cancel: &Cancel) -> io::Result<std::process::ExitStatus> {
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let mut deadline = None;
    loop {
        if let Some(status) = child.try_wait()? {
            if let Some(time) = deadline {
                end_group(pid, time);
            }
            return Ok(status);
        }
        match deadline {
            None if cancel.is_cancelled() => {
                // It may have ended by now.
                let _ = kill_process_group(pid, Signal::TERM);
                deadline = Some(Instant::now() + GRACE);
            }
            Some(time) if Instant::now() >= time => {
                let _ = kill_process_group(pid, Signal::KILL);
                deadline = Some(Instant::now() + GRACE);
            }
            _ => {}
        }
        // Its end wakes at once; a wish to end it is seen soon.
        let limit = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        let _ = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit));
    }
}

/// Waits for what is left of a group that was told to end, and kills what is there at `deadline` still.
pub(crate) fn end_group(group: Pid, deadline: Instant) {
    // While one of them is there, nobody else can have the group's number.
    while test_kill_process_group(group).is_ok() {
        if Instant::now() >= deadline {
            let _ = kill_process_group(group, Signal::KILL);
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Reader {
    kept: Arc<Mutex<(VecDeque<u8>, bool)>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn reader(mut pipe: impl Read + Send + 'static, mut sink: Sink) -> Reader {
    let kept = Arc::new(Mutex::new((VecDeque::new(), false)));
    let theirs = Arc::clone(&kept);
    let work = move || {
        let mut piece = vec![0; 16 * 1024];
        loop {
            let count = match pipe.read(&mut piece) {
                Ok(0) => return,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            };
            if let Some(log) = &mut sink.log {
                // A full disk does not end the program.
                let _ = log.write_all(&piece[..count]);
            }
            let mut kept = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            kept.0.extend(&piece[..count]);
            let surplus = kept.0.len().saturating_sub(sink.keep);
            kept.0.drain(..surplus);
            kept.1 |= surplus > 0;
        }
    };
    let thread = std::thread::Builder::new()
        .name("output".to_owned())
        .spawn(work)
        .ok();
    Reader { kept, thread }
}

/// What was read until now: all, unless somebody else still holds the other end.
fn finish(reader: Reader) -> Kept {
    let deadline = Instant::now() + Duration::from_millis(500);
    if let Some(thread) = reader.thread {
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let kept = reader.kept.lock().unwrap_or_else(PoisonError::into_inner);
    Kept {
        bytes: kept.0.iter().copied().collect(),
        is_cut: kept.1,
    }
}

/// Why a helper program of the system did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It complained.
    #[error("{program} ended with {code}: {stderr}")]
    Status {
        /// Which.
        program: String,
        /// Its exit status.
        code: i32,
        /// The end of its complaints.
        stderr: String,
    },
}

/// Runs a helper program of the system and has it succeed; the answer is its output.
///
/// # Errors
/// [`ToolError`].
pub fn tool(program: &str, arguments: &[&str]) -> Result<String, ToolError> {
    let mut command = Command::new(program);
    command.args(arguments);
    let outcome = run(
        &mut command,
        Sink::tail(64 * 1024),
        Sink::tail(2048),
        0,
        &Cancel::default(),
    )?;
    if outcome.code == 0 {
        return Ok(outcome.stdout.text());
    }
    Err(ToolError::Status {
        program: program.to_owned(),
        code: outcome.code,
        stderr: outcome.stderr.text().trim().to_owned(),
    })
}
