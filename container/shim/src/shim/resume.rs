//! Sessions come, go, or are cut off, and then come back.
//!
//! A session that hangs up has said so ([`Detach`](crate::frame::Frame::Detach)). One that ends
//! without a word was cut off: its server has died. What it had not delivered, and what comes until
//! another joins, is kept for that ([`crate::ring`]), and input stays open. An ended process is kept
//! for it too, as long as those of a container are no more than [`MOST_ENDED`] and hold no more than [`ENDED`].

use std::collections::BTreeMap;
use std::time::Instant;

use super::log;
use super::poller::Poller;
use super::process::{Process, STREAMS};
use crate::frame::Stream;

/// How much output of ended processes is kept for whoever comes back, in bytes.
const ENDED: u64 = 4 << 20;
/// And of how many of them.
const MOST_ENDED: usize = 64;

impl Process {
    /// A session joins. `resumable`: it says what it has delivered, and when it hangs up.
    pub fn join(&mut self, session: u32, resumable: bool, now: Instant) {
        self.sessions.push(session);
        self.sum_up();
        for ring in &mut self.rings {
            ring.join(session, resumable, now);
        }
    }

    /// A session leaves.
    pub fn leave(&mut self, session: u32) {
        self.sessions.retain(|each| *each != session);
        for ring in &mut self.rings {
            ring.leave(session);
        }
    }

    /// A session is cut off.
    pub fn cut_off(&mut self, session: u32) {
        self.sessions.retain(|each| *each != session);
        for ring in &mut self.rings {
            ring.cut_off(session);
        }
    }

    /// A session has hung up: nothing is kept for it, even if it seemed to be cut off.
    pub fn detach(&mut self, session: u32) {
        if self.sessions.contains(&session) {
            self.leave(session);
        } else {
            self.rings.iter_mut().for_each(crate::ring::Ring::forsake);
        }
    }

    /// A session has delivered so many bytes.
    pub fn delivered(&mut self, session: u32, stream: Stream, bytes: u64) {
        for ((_, each), ring) in STREAMS.iter().zip(&mut self.rings) {
            if *each == stream {
                ring.delivered(session, bytes);
            }
        }
    }

    /// Says when output that is kept for nobody begins to be lost.
    pub(super) fn tell_loss(&mut self) {
        for ((part, stream), ring) in STREAMS.iter().zip(&self.rings) {
            let lost = ring.unclaimed().map_or(0, |(_, lost)| lost);
            let Some(told) = self.told.get_mut(*part) else {
                continue;
            };
            if lost > 0 && !*told {
                *told = true;
                let (id, name) = (&self.id, stream.name());
                log(&format!(
                    "process {id:?}: the oldest of its {name} is dropped: its session was cut off, \
                     and nobody has come back for more than is kept"
                ));
            } else if lost == 0 {
                *told = false;
            }
        }
    }

    /// Says what was lost in all.
    fn sum_up(&self) {
        for ((_, stream), ring) in STREAMS.iter().zip(&self.rings) {
            if let Some((_, lost @ 1..)) = ring.unclaimed() {
                let (id, name) = (&self.id, stream.name());
                log(&format!(
                    "process {id:?}: {lost} bytes of its {name} were dropped before a session came back"
                ));
            }
        }
    }

    /// How much is kept for whoever comes back. `None`: there is nothing to come back for.
    fn unclaimed(&self) -> Option<u64> {
        let found = self.rings.iter().filter_map(crate::ring::Ring::unclaimed);
        found.map(|(held, _)| held).reduce(|a, b| a + b)
    }
}

/// Forgets processes of which there is nothing more to be had. What there is to know of them is on
/// disk.
pub(super) fn forget_ended(processes: &mut BTreeMap<u32, Process>, poller: &Poller) {
    let (mut over, mut kept, mut held) = (Vec::new(), Vec::new(), 0);
    for (key, process) in processes.iter() {
        if !process.is_through() || !process.sessions.is_empty() {
            continue;
        }
        match process.unclaimed() {
            None => over.push(*key),
            Some(bytes) => {
                held += bytes;
                kept.push((*key, bytes));
            }
        }
    }
    // The oldest first.
    let mut count = kept.len();
    for (key, bytes) in kept {
        if held <= ENDED && count <= MOST_ENDED {
            break;
        }
        held -= bytes;
        count -= 1;
        over.push(key);
        if let Some(process) = processes.get(&key) {
            let id = &process.id;
            log(&format!(
                "process {id:?}: the last {bytes} bytes of its output are dropped: it has ended, \
                 its session was cut off, and nobody has come back"
            ));
        }
    }
    for key in over {
        if let Some(process) = processes.remove(&key) {
            process.close(poller);
        }
    }
}
