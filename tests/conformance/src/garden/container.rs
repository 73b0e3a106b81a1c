//! One container, from its client's side.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use warren_garden_client::{Client, Error, Process, Streams};
use warren_wire_garden::process::ProcessSpec;

/// A container that is destroyed with the value.
pub struct Container {
    client: Client,
    handle: String,
}

/// How a process went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status.
    pub status: i64,
    /// All its output.
    pub stdout: String,
    /// All its error output.
    pub stderr: String,
}

/// Takes a process's output, to be read when it has ended.
#[derive(Debug, Clone, Default)]
pub struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    /// What came so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Container {
    pub(super) fn new(client: Client, handle: String) -> Self {
        Self { client, handle }
    }

    /// Its handle.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// The client it was made with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Starts a process.
    ///
    /// # Errors
    /// The server's.
    pub fn start(&self, process: &ProcessSpec, streams: Streams) -> Result<Process, Error> {
        self.client.run(&self.handle, process, streams)
    }

    /// Starts one with both outputs taken.
    ///
    /// # Errors
    /// The server's.
    pub fn capture(&self, process: &ProcessSpec) -> Result<(Process, Sink, Sink), Error> {
        let (stdout, stderr) = (Sink::default(), Sink::default());
        let streams = Streams {
            stdin: None,
            stdout: Some(Box::new(stdout.clone())),
            stderr: Some(Box::new(stderr.clone())),
        };
        Ok((self.start(process, streams)?, stdout, stderr))
    }

    /// Runs a process to its end.
    ///
    /// # Panics
    /// If it cannot be started or followed.
    #[track_caller]
    pub fn run(&self, process: &ProcessSpec) -> Ran {
        let (process, stdout, stderr) = match self.capture(process) {
            Ok(started) => started,
            Err(error) => panic!("cannot run {}: {error:?}", process.path),
        };
        match process.wait() {
            Ok(status) => Ran {
                status,
                stdout: stdout.text(),
                stderr: stderr.text(),
            },
            Err(error) => panic!("cannot wait: {error:?}"),
        }
    }

    /// Runs a shell script as root.
    #[track_caller]
    pub fn sh(&self, script: &str) -> Ran {
        self.run(&shell("root", script))
    }

    /// Runs a shell script as a user.
    #[track_caller]
    pub fn sh_as(&self, user: &str, script: &str) -> Ran {
        self.run(&shell(user, script))
    }

    /// What a shell script that must succeed says, without the last newline.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn says(&self, script: &str) -> String {
        let ran = self.sh(script);
        assert_eq!(ran.status, 0, "{script}: {ran:?}");
        ran.stdout.trim_end().to_owned()
    }
}

/// A shell script as a process.
#[must_use]
pub fn shell(user: &str, script: &str) -> ProcessSpec {
    ProcessSpec {
        path: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        user: user.to_owned(),
        ..ProcessSpec::default()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        match self.client.destroy(&self.handle) {
            Err(error) if !error.is_unknown_container() => {
                eprintln!("cannot destroy {}: {error:?}", self.handle);
            }
            _ => {}
        }
    }
}
