//! Output of a process that its sessions have not taken yet.
//!
//! ```text
//!        start                                     end
//!   ───────┬────────────────────────────────────────┬──► bytes of the stream
//!   gone   │  held, at most `capacity`              │ not read from the pipe yet
//!          ▲            ▲                           ▲
//!       slowest      another                    newest, or nobody:
//!       cursor       session                    nothing is held
//! ```
//!
//! - Held is what the slowest session still wants. Without sessions nothing is held: output goes on
//!   being read, and is gone.
//! - A session that is behind by the whole ring stops reading: the pipe fills, and the process waits
//!   as it would for a slow terminal.
//! - One that has then taken nothing for [`PATIENCE`] is moved to the end and owed a notice of what
//!   it has lost, and until it takes that it holds nothing: a dead reader stops the process once.
//!
//! Memory is allocated as bytes come and given back when the last of them is taken.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How much is held for the slowest session, in bytes.
pub(crate) const CAPACITY: usize = 1 << 20;
/// How long a session that is behind by the whole ring may take nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// An empty ring keeps no more memory than this, in bytes.
const KEPT: usize = 4096;

/// One stream of output.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: VecDeque<u8>,
    start: u64,
    capacity: usize,
    cursors: BTreeMap<u32, Cursor>,
}

/// Where a session is.
#[derive(Debug)]
struct Cursor {
    at: u64,
    /// When it took something or had nothing to take.
    moved: Instant,
    /// What it was not given and has not been told of.
    lost: u64,
    /// It was moved on and has taken nothing since: it is not waited for.
    dead: bool,
}

impl Ring {
    /// An empty one.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            start: 0,
            capacity,
            cursors: BTreeMap::new(),
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// How many bytes may be pushed now. With 0 the pipe is to be left alone.
    pub fn room(&self) -> usize {
        self.capacity - self.bytes.len()
    }

    /// Takes output: at most [`Ring::room`]; what is more than that is lost to all.
    pub fn push(&mut self, bytes: &[u8], now: Instant) {
        let (kept, more) = bytes.split_at(bytes.len().min(self.room()));
        let before = self.end();
        if self.cursors.values().any(|cursor| !cursor.dead) {
            self.bytes.extend(kept);
        } else {
            self.start += kept.len() as u64;
        }
        let end = self.end();
        for cursor in self.cursors.values_mut() {
            cursor.lost += more.len() as u64;
            if cursor.dead {
                cursor.lost += kept.len() as u64;
                cursor.at = end;
            } else if cursor.at == before {
                cursor.moved = now;
            }
        }
    }

    /// A session joins: it gets what comes from now on.
    pub fn join(&mut self, session: u32, now: Instant) {
        let at = self.end();
        let cursor = Cursor {
            at,
            moved: now,
            lost: 0,
            dead: false,
        };
        self.cursors.insert(session, cursor);
    }

    /// A session leaves.
    pub fn leave(&mut self, session: u32) {
        self.cursors.remove(&session);
        self.trim();
    }

    /// What a session may take next, at most `limit` bytes and perhaps less than there is. Empty:
    /// nothing.
    pub fn peek(&self, session: u32, limit: usize) -> &[u8] {
        let Some(cursor) = self.cursors.get(&session) else {
            return &[];
        };
        let from = usize::try_from(cursor.at - self.start).unwrap_or(usize::MAX);
        let (front, back) = self.bytes.as_slices();
        let rest = match front.get(from..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => back
                .get(from.saturating_sub(front.len())..)
                .unwrap_or_default(),
        };
        rest.get(..limit).unwrap_or(rest)
    }

    /// A session has taken so many of the bytes that it was shown.
    pub fn take(&mut self, session: u32, bytes: usize, now: Instant) {
        let end = self.end();
        if let Some(cursor) = self.cursors.get_mut(&session) {
            cursor.at = end.min(cursor.at + bytes as u64);
            cursor.moved = now;
            self.trim();
        }
    }

    /// A session that takes again asks what it has lost since it asked last. It goes before what it
    /// may take next.
    pub fn take_lost(&mut self, session: u32, now: Instant) -> u64 {
        let Some(cursor) = self.cursors.get_mut(&session) else {
            return 0;
        };
        if cursor.dead {
            cursor.dead = false;
            cursor.moved = now;
        }
        std::mem::take(&mut cursor.lost)
    }

    /// Whether a session has been given everything.
    #[cfg(test)]
    pub fn is_through(&self, session: u32) -> bool {
        let end = self.end();
        self.cursors
            .get(&session)
            .is_none_or(|cursor| cursor.at == end && cursor.lost == 0)
    }

    /// When [`Ring::expire`] has something to do; `None` while nobody waits for a session.
    pub fn deadline(&self) -> Option<Instant> {
        if self.room() > 0 {
            return None;
        }
        let slowest = self.cursors.values();
        let slowest = slowest.filter(|each| !each.dead && each.at == self.start);
        slowest.map(|each| each.moved + PATIENCE).min()
    }

    /// Moves on whoever has taken nothing for too long while the process waits for it.
    pub fn expire(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        let (start, end) = (self.start, self.end());
        for cursor in self.cursors.values_mut() {
            if !cursor.dead && cursor.at == start && now >= cursor.moved + PATIENCE {
                cursor.lost += end - cursor.at;
                cursor.at = end;
                cursor.dead = true;
            }
        }
        self.trim();
    }

    fn trim(&mut self) {
        let end = self.end();
        let waited_for = self.cursors.values().filter(|cursor| !cursor.dead);
        let slowest = waited_for.map(|cursor| cursor.at).min();
        let slowest = slowest.unwrap_or(end);
        let gone = usize::try_from(slowest - self.start).unwrap_or(usize::MAX);
        self.bytes.drain(..gone.min(self.bytes.len()));
        self.start = slowest;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = VecDeque::new();
        }
    }
}
