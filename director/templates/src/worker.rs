//! One Ruby process.
//!
//! ```text
//! started ──► says how it serves ──► (asked ──► answers)* ──► its input is closed, it ends
//! ```
//!
//! Templates of others run in it, so no answer is believed further than its own request. Standard
//! input is a socket pair, the *control*; standard output carries the *answers*:
//!
//! ```text
//! director ── control: the program ──────────────────────► worker, once
//! director ── control: request ──────────────────────────► copy of the worker, which closes the control
//!          ◄─ answers: {"rendering": 0} .. {"files": ..} ── copy; ends
//!          ◄─ control: ended ───────────────────────────── worker, when nothing that it started lives
//!          ── control: a random word ────────────────────► worker
//!          ◄─ answers: that word ───────────────────────── worker
//! ```
//!
//! What comes before the word is that request's; a template cannot know the word, and cannot write
//! after it. A worker that is not the first process of a pid namespace cannot be sure that what it
//! started has ended; it answers one request itself and ends, and the end of its output is the word.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::Error;
use crate::pool::Options;

/// The program. It comes over the control before all requests: lists of processes show command lines.
const SCRIPT: &str = include_str!("../ruby/worker.rb");

/// What Ruby is given as its script: reads so many bytes, and not one more, and is that program.
fn reader() -> String {
    format!(
        "eval(IO.for_fd(0, 'rb', autoclose: false).read({}).force_encoding('UTF-8'), TOPLEVEL_BINDING, '-e')",
        SCRIPT.len()
    )
}

/// How much of what a worker says on standard error is kept for errors.
const KEPT: usize = 4 << 10;

/// Most bytes of a job's rendered files.
const MOST: usize = 256 << 20;

/// What a worker says first.
#[derive(Debug, Deserialize)]
struct Hello {
    serves: Serves,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Serves {
    /// As the first process of a pid namespace.
    Many,
    /// Anywhere else.
    One,
}

/// What it says before each template.
#[derive(Debug, Deserialize)]
struct Progress {
    rendering: usize,
}

/// What has happened next.
enum Event {
    /// A whole line of the answers, without its end.
    Answer(Vec<u8>),
    /// No more answers.
    Silence,
    /// The worker says that the request is over.
    Over,
    /// It says nothing any more.
    Gone,
}

/// A Ruby process that renders.
pub(crate) struct Worker {
    child: Child,
    serves: Serves,
    requests: OwnedWriteHalf,
    notices: BufReader<OwnedReadHalf>,
    notice: Vec<u8>,
    answers: BufReader<ChildStdout>,
    answer: Vec<u8>,
    said: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
    /// Which template it is at.
    pub(crate) rendering: Option<usize>,
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
        let (control, theirs) = UnixStream::pair().map_err(failed)?;
        let theirs = theirs.into_std().map_err(failed)?;
        // A worker waits in ordinary reads.
        theirs.set_nonblocking(false).map_err(failed)?;
        let mut child = Command::new(program)
            .args(arguments)
            .args(["-e", &reader()])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let taken = || failed(std::io::ErrorKind::BrokenPipe.into());
        let (notices, requests) = control.into_split();
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
            serves: Serves::One,
            requests,
            notices: BufReader::new(notices),
            notice: Vec::new(),
            answers: BufReader::new(answers),
            answer: Vec::new(),
            said,
            listener,
            rendering: None,
        };
        // Of one that has ended already, its last words are told below.
        let _sent = worker.requests.write_all(SCRIPT.as_bytes()).await;
        let hello = match worker.next().await {
            Ok(Event::Answer(line)) => serde_json::from_slice::<Hello>(&line).ok(),
            _ => None,
        };
        match hello {
            Some(hello) => worker.serves = hello.serves,
            None => {
                let said = worker.last_words().await;
                return Err(failed(std::io::Error::other(said)));
            }
        }
        Ok(worker)
    }

    /// What a new worker has said on standard error: how its sandbox falls short.
    pub(crate) fn complaint(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).trim().to_owned()
    }

    /// Whether it may be asked again after an answer.
    pub(crate) fn serves_more(&self) -> bool {
        self.serves == Serves::Many
    }

    /// Sends a line and reads the answer. An error is the end of this worker.
    pub(crate) async fn ask(&mut self, line: &[u8]) -> Result<Vec<u8>, Asked> {
        self.rendering = None;
        // What another job's templates have said is nobody else's to read.
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let sent = async {
            self.requests.write_all(line).await?;
            self.requests.write_all(b"\n").await
        };
        if sent.await.is_err() {
            return Err(Asked::Ended(self.last_words().await));
        }
        let mut answer = None;
        let mut word = None;
        loop {
            let event = self.next().await.map_err(|TooMuch| Asked::TooMuch)?;
            match event {
                Event::Answer(line) if word.as_ref() == Some(&line) => break,
                Event::Answer(line) => match serde_json::from_slice::<Progress>(&line) {
                    Ok(progress) => self.rendering = Some(progress.rendering),
                    Err(_) => answer = Some(line),
                },
                Event::Over => {
                    let drawn = random_word();
                    let line = [drawn.as_slice(), b"\n"].concat();
                    if self.requests.write_all(&line).await.is_err() {
                        return Err(Asked::Ended(self.last_words().await));
                    }
                    word = Some(drawn);
                }
                Event::Silence if self.serves == Serves::One => break,
                Event::Silence | Event::Gone => {
                    return Err(Asked::Ended(self.last_words().await));
                }
            }
        }
        match answer {
            Some(answer) => Ok(answer),
            None => {
                // The copy is dead and what it said is in the pipe; the worker itself lives on.
                let _ended = self.child.start_kill();
                Err(Asked::Ended(self.last_words().await))
            }
        }
    }

    /// Waits for whatever comes first.
    async fn next(&mut self) -> Result<Event, TooMuch> {
        let is_many = self.serves == Serves::Many;
        tokio::select! {
            line = line(&mut self.answers, &mut self.answer) => Ok(match line? {
                Some(line) => Event::Answer(line),
                None => Event::Silence,
            }),
            notice = line(&mut self.notices, &mut self.notice), if is_many => Ok(match notice? {
                Some(_) => Event::Over,
                None => Event::Gone,
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

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The worker, or the copy that rendered, came to an end; what it said last.
    Ended(String),
    /// It says more than any job has.
    TooMuch,
}

/// A line, or a worker's whole output, of more than [`MOST`] bytes.
#[derive(Debug)]
struct TooMuch;

/// The next line without its end; `None` if there is none any more. What has come of it stays in
/// `begun` if this is dropped.
async fn line(
    from: &mut (impl AsyncBufRead + Unpin),
    begun: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, TooMuch> {
    loop {
        let Ok(bytes) = from.fill_buf().await else {
            return Ok(None);
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = &bytes[..end.unwrap_or(bytes.len())];
        if begun.len() + taken.len() > MOST {
            return Err(TooMuch);
        }
        begun.extend_from_slice(taken);
        let count = taken.len() + usize::from(end.is_some());
        from.consume(count);
        if end.is_some() {
            return Ok(Some(std::mem::take(begun)));
        }
    }
}

/// A word that nobody can have guessed: keyed hashes whose keys are the system's random numbers.
fn random_word() -> Vec<u8> {
    let number = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", number(), number()).into_bytes()
}
