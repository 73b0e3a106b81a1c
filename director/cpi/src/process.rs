//! One process of a CPI.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::Error;

/// How long a CPI's file may be busy.
const BUSY: Duration = Duration::from_secs(2);

/// How many bytes of an answer, and of what is said besides, are kept: far more than any has.
pub(crate) const MOST: u64 = 64 << 20;

/// What a process gave.
pub(crate) struct Answer {
    pub(crate) output: Vec<u8>,
    /// Whether the output is only the beginning.
    pub(crate) is_cut: bool,
    pub(crate) said: String,
    pub(crate) exit: String,
}

/// Runs a CPI with a request. Its environment is `PATH`, `TMPDIR` and `HOME`, as stock has it; its
/// exit code says nothing. A process whose caller is cancelled goes on: half a machine is worse than
/// one that nobody asked for, whose row is there to delete it by.
pub(crate) async fn run(command: &[PathBuf], request: &impl Serialize) -> Result<Answer, Error> {
    let program = command.first().cloned().unwrap_or_default();
    let failed = |source| Error::Run {
        program: program.clone(),
        source,
    };
    let mut prepared = Command::new(&program);
    prepared
        .args(command.iter().skip(1))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    for name in ["TMPDIR", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            prepared.env(name, value);
        }
    }
    prepared
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn(&mut prepared).await.map_err(failed)?;
    let line = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut input), Some(mut output), Some(mut errors)) = pipes else {
        return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
    };
    let write = async move {
        // One that does not read its request says why on standard error.
        let _ = input.write_all(&line).await;
        drop(input);
    };
    let ((), read, heard) = tokio::join!(write, bounded(&mut output), bounded(&mut errors));
    let (answer, is_cut) = read.map_err(failed)?;
    let (said, _) = heard.map_err(failed)?;
    let status = child.wait().await.map_err(failed)?;
    Ok(Answer {
        output: answer,
        is_cut,
        said: String::from_utf8_lossy(&said).into_owned(),
        exit: status.to_string(),
    })
}

/// Reads to the end and keeps the beginning; the answer is that, and whether there was more. What is not
/// kept is read all the same, for a process whose output nobody reads stands still, or is killed by it.
async fn bounded(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(Vec<u8>, bool)> {
    let mut kept = Vec::new();
    (&mut *from).take(MOST).read_to_end(&mut kept).await?;
    let more = tokio::io::copy(from, &mut tokio::io::sink()).await?;
    Ok((kept, more > 0))
}

/// Starts it. One that was installed a moment ago may still be open for writing in a child that another
/// thread, or another program, has forked and that has not executed its own program yet.
async fn spawn(command: &mut Command) -> io::Result<Child> {
    let deadline = Instant::now() + BUSY;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy
                    && Instant::now() < deadline =>
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            done => return done,
        }
    }
}
