//! A process of a container, from its client's side.
//!
//! ```text
//! control ── reads ──► the caller of wait(): started, then exited or failed
//!    ▲
//!    ├─ thread: stdin of the caller, as long as there is any
//!    └─ any Handle: signals, sizes of the terminal
//! stdout ── thread ──► the caller's writer          each on a connection of its own, opened only
//! stderr ── thread ──► the caller's writer          for the writers given
//! ```

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use warren_wire_garden::hijack::{ClientMessage, Decoder, ServerMessage};
use warren_wire_garden::process::{Signal, TtySpec, WindowSize};
use warren_wire_garden::route::{Params, Query, Route};

use crate::Error;
use crate::http::{Call, Input};
use crate::stream::{Server, Stream};

/// Input is sent in pieces of this size.
const PIECE: usize = 32 * 1024;

/// The streams of a process that its client wants. With a terminal, all output is on `stdout`.
#[derive(Default)]
pub struct Streams {
    /// Read to its end, which is the end of the process's input. `None`: the process's input stays
    /// open and empty until the client goes away.
    pub stdin: Option<Box<dyn Read + Send>>,
    /// Takes the output.
    pub stdout: Option<Box<dyn Write + Send>>,
    /// Takes the error output.
    pub stderr: Option<Box<dyn Write + Send>>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("stdin", &self.stdin.is_some())
            .field("stdout", &self.stdout.is_some())
            .field("stderr", &self.stderr.is_some())
            .finish()
    }
}

/// A process that runs, or ran. Dropping it hangs up; the process runs on.
#[derive(Debug)]
pub struct Process {
    control: Input,
    decoder: Decoder,
    handle: Handle,
    outputs: Vec<JoinHandle<io::Result<()>>>,
}

/// Says things to a process, from any thread. Works as long as the [`Process`] is there.
#[derive(Debug, Clone)]
pub struct Handle {
    id: Arc<str>,
    control: Arc<Mutex<Stream>>,
}

impl Handle {
    /// The process's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends a signal to the process itself.
    ///
    /// # Errors
    /// [`Error::Send`]; the process may have ended.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        self.say(ClientMessage::Signal(signal))
    }

    /// Changes the size of the process's terminal.
    ///
    /// # Errors
    /// As [`Handle::signal`].
    pub fn resize(&self, size: WindowSize) -> Result<(), Error> {
        self.say(ClientMessage::Tty(TtySpec {
            window_size: Some(size),
        }))
    }

    fn say(&self, message: ClientMessage) -> Result<(), Error> {
        let mut bytes = Vec::new();
        let payload = message.into_payload(&self.id);
        let encoded = payload.encode_to(&mut bytes);
        let call = Route::Run.entry().name;
        encoded.map_err(|source| Error::Encode { call, source })?;
        // A thread that panicked while it held the lock wrote a whole line or broke the stream,
        // which the next write notices.
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = control.write_all(&bytes);
        sent.map_err(|source| Error::Send { call, source })
    }
}

impl Process {
    /// The process's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.handle.id
    }

    /// For signals and sizes of the terminal while another thread waits.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for the end of the process and of its output. The answer is its status, or 128 and
    /// the number of the signal that ended it.
    ///
    /// # Errors
    /// [`Error::Process`] when the server cannot tell, [`Error::Lost`] when it hangs up,
    /// [`Error::Output`] when output could not be passed on.
    pub fn wait(mut self) -> Result<i64, Error> {
        let outcome = loop {
            match next(&mut self.control, &mut self.decoder)? {
                Some(ServerMessage::Exited { status, .. }) => break Ok(status),
                Some(ServerMessage::Failed { process_id, error }) => {
                    break Err(Error::Process {
                        process_id,
                        reason: error,
                    });
                }
                // Nothing else is of interest any more.
                Some(_) => {}
                // Nor is the output waited for: it may never end.
                None => {
                    return Err(Error::Lost {
                        process_id: self.id().to_owned(),
                    });
                }
            }
        };
        for output in std::mem::take(&mut self.outputs) {
            // A writer of the caller's that panics is its failure to take the output.
            let done = output.join().unwrap_or_else(|_| {
                Err(io::Error::other("the thread that passes it on has ended"))
            });
            if outcome.is_ok() {
                done.map_err(|source| Error::Output {
                    process_id: self.id().to_owned(),
                    source,
                })?;
            }
        }
        outcome
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The thread that passes on input has the connection too, and may wait for input for ever.
        self.control.get_ref().hang_up();
    }
}

/// Takes up the conversation after the head of an answer to run or attach.
pub(crate) fn start(
    server: &Server,
    container: &str,
    mut control: Input,
    streams: Streams,
) -> Result<Process, Error> {
    let mut decoder = Decoder::default();
    let (id, stream_id) = loop {
        match next(&mut control, &mut decoder)? {
            Some(ServerMessage::Started {
                process_id,
                stream_id,
            }) => break (process_id, stream_id),
            Some(ServerMessage::Failed { process_id, error }) => {
                return Err(Error::Process {
                    process_id,
                    reason: error,
                });
            }
            Some(ServerMessage::Exited { process_id, .. }) => {
                return Err(Error::Lost { process_id });
            }
            Some(ServerMessage::Unknown) => {}
            None => {
                return Err(Error::Lost {
                    process_id: String::new(),
                });
            }
        }
    };
    let call = Route::Run.entry().name;
    let clone = control.get_ref().try_clone();
    let clone = clone.map_err(|source| Error::Receive { call, source })?;
    let handle = Handle {
        id: id.as_str().into(),
        control: Arc::new(Mutex::new(clone)),
    };
    let params = Params::handle(container)
        .with("pid", &id)
        .with("streamid", &stream_id);
    let mut outputs = Vec::new();
    for (route, writer) in [
        (Route::Stdout, streams.stdout),
        (Route::Stderr, streams.stderr),
    ] {
        if let Some(writer) = writer {
            let call = Call::new(route, &params, &Query::default())?;
            let input = call.take_over(server, None)?;
            outputs.push(std::thread::spawn(move || pass_on(input, writer)));
        }
    }
    if let Some(stdin) = streams.stdin {
        let handle = handle.clone();
        // Not joined: it may wait for input long after the process has ended.
        std::thread::spawn(move || feed(&handle, stdin));
    }
    Ok(Process {
        control,
        decoder,
        handle,
        outputs,
    })
}

/// The next message; `None` when the server has hung up.
fn next(control: &mut Input, decoder: &mut Decoder) -> Result<Option<ServerMessage>, Error> {
    let call = Route::Run.entry().name;
    loop {
        let bytes = match control.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // The latter is an end that TLS did not announce.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
                ) =>
            {
                return Ok(None);
            }
            read => read.map_err(|source| Error::Receive { call, source })?,
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let (mut left, count) = (bytes, bytes.len());
        let found = decoder.next(&mut left);
        let taken = count - left.len();
        control.consume(taken);
        if let Some(payload) = found.map_err(Error::Stream)? {
            return Ok(Some(ServerMessage::from_payload(payload)));
        }
    }
}

/// Copies output, each piece as soon as it comes. When the caller's writer fails, what follows is
/// read all the same, so that the process is not held up.
fn pass_on(mut input: Input, mut writer: Box<dyn Write + Send>) -> io::Result<()> {
    let mut outcome = Ok(());
    loop {
        let piece = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if piece.is_empty() {
            return outcome;
        }
        let count = piece.len();
        if outcome.is_ok() {
            outcome = writer.write_all(piece).and_then(|()| writer.flush());
        }
        input.consume(count);
    }
}

/// Sends input up to its end. What goes wrong here, `wait` tells better: the process or the
/// connection has ended.
fn feed(handle: &Handle, mut stdin: Box<dyn Read + Send>) {
    let mut buffer = vec![0; PIECE];
    loop {
        let piece = match stdin.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // What cannot be read is over.
            Err(_) | Ok(0) => {
                let _ = handle.say(ClientMessage::StdinEnd);
                return;
            }
            Ok(count) => buffer.get(..count).unwrap_or_default(),
        };
        if handle.say(ClientMessage::Stdin(piece.to_vec())).is_err() {
            return;
        }
    }
}
