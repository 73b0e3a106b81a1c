//! One Ruby process.
//!
//! ```text
//! started ──► says its version ──► (asked ──► answers)* ──► its input is closed, it ends
//! ```

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::Error;
use crate::pool::Options;

/// The program, given to Ruby as its script.
const SCRIPT: &str = include_str!("../ruby/worker.rb");

/// How much of what a worker says on standard error is kept for errors.
const KEPT: usize = 4 << 10;

/// A Ruby process that renders.
pub(crate) struct Worker {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    said: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

impl Worker {
    /// Starts a process; it is killed when this is dropped.
    pub(crate) async fn start(options: &Options) -> Result<Self, Error> {
        let failed = |source| Error::Start {
            program: options.command.join(" "),
            source,
        };
        let Some((program, arguments)) = options.command.split_first() else {
            return Err(failed(std::io::ErrorKind::InvalidInput.into()));
        };
        let mut child = Command::new(program)
            .args(arguments)
            .args(["-e", SCRIPT])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let taken = || failed(std::io::ErrorKind::BrokenPipe.into());
        let requests = child.stdin.take().ok_or_else(taken)?;
        let answers = child.stdout.take().ok_or_else(taken)?;
        let mut errors = child.stderr.take().ok_or_else(taken)?;
        let said = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&said);
        // Templates print; a pipe that nobody reads would stop them.
        let listener = tokio::spawn(async move {
            let mut buffer = vec![0; KEPT];
            while let Ok(count) = errors.read(&mut buffer).await {
                if count == 0 {
                    break;
                }
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..count]);
                let surplus = kept.len().saturating_sub(KEPT);
                kept.drain(..surplus);
            }
        });
        let mut worker = Self {
            child,
            requests,
            answers: BufReader::new(answers),
            said,
            listener,
        };
        let mut hello = Vec::new();
        let read = worker.answers.read_until(b'\n', &mut hello).await;
        if !matches!(read, Ok(count) if count > 0) {
            let source = std::io::Error::other(worker.last_words().await);
            return Err(failed(source));
        }
        Ok(worker)
    }

    /// Sends a line and reads one. An error is the end of this worker.
    pub(crate) async fn ask(&mut self, job: &str, line: &[u8]) -> Result<Vec<u8>, Error> {
        let mut answer = Vec::new();
        let done = async {
            self.requests.write_all(line).await?;
            self.requests.write_all(b"\n").await?;
            self.requests.flush().await?;
            self.answers.read_until(b'\n', &mut answer).await
        };
        match done.await {
            Ok(count) if count > 0 => Ok(answer),
            _ => Err(Error::Ended {
                job: job.to_owned(),
                said: self.last_words().await,
            }),
        }
    }

    async fn last_words(&mut self) -> String {
        // It has closed its output, so that its end is near; what it says may still be on its way.
        let end = async {
            let _ = self.child.wait().await;
            let _ = (&mut self.listener).await;
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), end).await;
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}
