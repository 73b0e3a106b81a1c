//! The pipes or the socket between the test and the outermost actor.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::gate::Shared;
use crate::protocol::{Envelope, Reply};

/// Longest time that any one request may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1200);

/// The pipes to the outermost actor.
#[derive(Debug)]
pub(crate) struct Line {
    process: Child,
    /// To it and from it; none once closed.
    pipes: Option<(File, BufReader<File>)>,
    _gate: Option<Shared>,
}

impl Line {
    /// Takes over `process`, which hears `input` and answers in `output`, and
    /// waits for its first word.
    #[track_caller]
    pub(crate) fn open(
        process: Child,
        (input, output): (OwnedFd, OwnedFd),
        gate: Option<Shared>,
        patience: Duration,
    ) -> Line {
        let pipes = Some((input.into(), BufReader::new(output.into())));
        let mut line = Line {
            process,
            pipes,
            _gate: gate,
        };
        line.wait(patience);
        line
    }

    pub(crate) fn is_open(&self) -> bool {
        self.pipes.is_some()
    }

    #[track_caller]
    pub(crate) fn say(&mut self, envelope: &Envelope) {
        let Some((stdin, _)) = &mut self.pipes else {
            panic!("the actor was dropped")
        };
        let written = serde_json::to_vec(envelope).map_err(std::io::Error::from);
        let written = written.and_then(|mut line| {
            line.push(b'\n');
            stdin.write_all(&line)
        });
        if let Err(error) = written {
            panic!("cannot reach the actor: {error}");
        }
    }

    /// Waits until there is something to hear.
    #[track_caller]
    fn wait(&mut self, patience: Duration) {
        let Some((_, stdout)) = &mut self.pipes else {
            panic!("the actor was dropped")
        };
        if stdout.buffer().is_empty() {
            let limit = Timespec {
                tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: patience.subsec_nanos().into(),
            };
            let mut waiting = [PollFd::new(stdout.get_ref(), PollFlags::IN)];
            match poll(&mut waiting, Some(&limit)) {
                Ok(0) => panic!("no answer from the actor within {patience:?}"),
                Ok(_) => {}
                Err(errno) => panic!("cannot wait for the actor: {errno}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn hear(&mut self) -> Reply {
        self.wait(PATIENCE);
        let Some((_, stdout)) = &mut self.pipes else {
            panic!("the actor was dropped")
        };
        let mut text = String::new();
        match stdout.read_line(&mut text) {
            Ok(0) => panic!("the actor ended: {:?}", self.process.wait()),
            Ok(_) => {}
            Err(error) => panic!("cannot hear the actor: {error}"),
        }
        match serde_json::from_str(&text) {
            Ok(reply) => reply,
            Err(error) => panic!("the actor said {text:?}: {error}"),
        }
    }

    /// Ends the process: it goes by itself when its input closes, and is helped
    /// along if it does not.
    pub(crate) fn close(&mut self) {
        self.pipes = None;
        // A tethered program goes by this.
        drop(self.process.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.close();
    }
}
