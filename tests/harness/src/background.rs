//! A program that an actor keeps running.

use std::time::Duration;

use rustix::process::Signal;

use crate::actor::{Actor, Refused};
use crate::protocol::{Output, Reply, Request};

/// A program that goes on while the test does other things; killed when dropped.
#[derive(Debug)]
pub struct Background<'a> {
    actor: &'a Actor,
    id: Option<u32>,
    /// Its process id, in the actor's pid namespace.
    pub pid: u32,
}

impl<'a> Background<'a> {
    pub(crate) fn new(actor: &'a Actor, id: u32, pid: u32) -> Self {
        Background {
            actor,
            id: Some(id),
            pid,
        }
    }

    /// Sends a signal, waits for the end and returns what the program wrote. It
    /// is killed if it takes longer than `limit`.
    #[track_caller]
    pub fn finish(mut self, signal: Option<Signal>, limit: Duration) -> Output {
        match self.end(signal, limit) {
            Ok(Reply::Ended(output)) => output,
            other => panic!("the actor did not end the program: {other:?}"),
        }
    }

    #[track_caller]
    fn end(&mut self, signal: Option<Signal>, limit: Duration) -> Result<Reply, Refused> {
        self.actor.request(Request::Finish {
            id: self.id.take().unwrap_or_default(),
            signal: signal.map_or(0, Signal::as_raw),
            timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        // In a panic the line may be in any state; the program ends with its actor.
        if self.id.is_some() && !std::thread::panicking() {
            let _ = self.end(Some(Signal::KILL), Duration::from_secs(5));
        }
    }
}
