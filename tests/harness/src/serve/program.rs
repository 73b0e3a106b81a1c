//! Programs that an actor runs, with all they write and a time limit.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{During, Failure, failure, this_executable};
use crate::protocol::{Output, Program};

/// A program that was started and not yet waited for.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    stdout: JoinHandle<io::Result<Vec<u8>>>,
    stderr: JoinHandle<io::Result<Vec<u8>>>,
}

/// Starts `program`, which ends when the calling thread does.
pub(super) fn start(program: &Program) -> Result<Running, Failure> {
    let step = || format!("start {:?}", program.argv);
    let mut child = this_executable("exec")
        .args(&program.argv)
        .envs(program.env.iter().map(|(key, value)| (key, value)))
        .stderr(Stdio::piped())
        .spawn()
        .during(step)?;
    let lost = || failure(step(), "a pipe is missing");
    let mut stdin = child.stdin.take().ok_or_else(lost)?;
    let text = program.stdin.clone();
    // A program may end without reading; that is its own business.
    std::thread::spawn(move || _ = stdin.write_all(text.as_bytes()));
    Ok(Running {
        stdout: collect(child.stdout.take().ok_or_else(lost)?),
        stderr: collect(child.stderr.take().ok_or_else(lost)?),
        child,
    })
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).map(|_| bytes)
    })
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by number.
    pub(super) fn signal(&self, number: i32) -> Result<(), Failure> {
        let step = || format!("send signal {number}");
        let signal =
            Signal::from_named_raw(number).ok_or_else(|| failure(step(), "no such signal"))?;
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).during(step)
    }

    /// Waits for the end, killing the program when `limit` is over.
    pub(super) fn finish(mut self, limit: Duration) -> Result<Output, Failure> {
        let wait = || "wait for the program".to_owned();
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_micros(500);
        let (status, timed_out) = loop {
            if let Some(status) = self.child.try_wait().during(wait)? {
                break (status, false);
            }
            if Instant::now() >= deadline {
                self.child.kill().during(wait)?;
                break (self.child.wait().during(wait)?, true);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let stdout = text(self.stdout, timed_out)?;
        let stderr = text(self.stderr, timed_out)?;
        Ok(Output {
            code: code(status),
            timed_out,
            stdout,
            stderr,
        })
    }
}

/// What a pipe brought. A program that was killed for time may have left
/// children that hold the pipe, so then only what is complete counts.
fn text(pipe: JoinHandle<io::Result<Vec<u8>>>, timed_out: bool) -> Result<String, Failure> {
    if timed_out {
        std::thread::sleep(Duration::from_millis(50));
        if !pipe.is_finished() {
            return Ok("(still held open by a child)".to_owned());
        }
    }
    let step = "read what the program wrote";
    let bytes = pipe
        .join()
        .map_err(|_| failure(step, "the reader panicked"))?;
    Ok(String::from_utf8_lossy(&bytes.during(|| step.to_owned())?).into_owned())
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}
