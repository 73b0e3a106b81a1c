//! Output of a process that its sessions have not taken yet.
//!
//! ```text
//!        start                                     end
//!   ───────┬────────────────────────────────────────┬──► bytes of the stream
//!   gone   │  held                                  │ not read from the pipe yet
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
//! - What a session that can be resumed has taken is held until it says that it is delivered, up to
//!   [`IN_FLIGHT`] rings; nobody waits for that. If it is cut off, that and all that comes, up to a
//!   ring, is held for the next session ([`place`]). What is more pushes the oldest out, which is
//!   counted.
//!
//! Memory is allocated as bytes come and given back when the last of them is taken.

mod place;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use place::{Place, RETURN};

/// How much is held for the slowest session, in bytes.
pub(crate) const CAPACITY: usize = 1 << 20;
/// How long a session that is behind by the whole ring may take nothing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what a session has taken may be on its way, in rings: the server has a queue of one,
/// and there are sockets on both its sides.
const IN_FLIGHT: usize = 2;
/// An empty ring keeps no more memory than this, in bytes.
const KEPT: usize = 4096;

/// One stream of output.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: VecDeque<u8>,
    start: u64,
    capacity: usize,
    patience: Duration,
    cursors: BTreeMap<u32, Cursor>,
    place: Option<Place>,
}

/// Where a session is.
#[derive(Debug)]
struct Cursor {
    at: u64,
    /// Where it began, or went on after a loss: nothing before that is on its way.
    floor: u64,
    /// What it has taken and not delivered yet, in bytes. `None`: it does not say, and cannot be
    /// resumed.
    in_flight: Option<u64>,
    /// It has delivered something.
    delivers: bool,
    /// When it took something or had nothing to take.
    moved: Instant,
    /// What it was not given and has not been told of.
    lost: u64,
    /// It was moved on and has taken nothing since: it is not waited for.
    dead: bool,
}

impl Cursor {
    /// The first byte that is held for it, at most `most` before what it takes next.
    fn held_from(&self, most: u64) -> u64 {
        let back = self.in_flight.unwrap_or(0).min(most);
        self.floor.max(self.at.saturating_sub(back))
    }
}

impl Ring {
    /// An empty one, in which a session that holds it up may take nothing for so long.
    pub fn new(patience: Duration) -> Self {
        Self::with_capacity(CAPACITY, patience)
    }

    fn with_capacity(capacity: usize, patience: Duration) -> Self {
        Self {
            bytes: VecDeque::new(),
            start: 0,
            capacity,
            patience,
            cursors: BTreeMap::new(),
            place: None,
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn most_in_flight(&self) -> u64 {
        (self.capacity * IN_FLIGHT) as u64
    }

    /// Where the slowest session is that is waited for.
    fn slowest(&self) -> u64 {
        let waited_for = self.cursors.values().filter(|cursor| !cursor.dead);
        let slowest = waited_for.map(|cursor| cursor.at).min();
        slowest.unwrap_or_else(|| self.end())
    }

    /// How many bytes may be pushed now. With 0 the pipe is to be left alone.
    pub fn room(&self) -> usize {
        let behind = usize::try_from(self.end() - self.slowest()).unwrap_or(usize::MAX);
        self.capacity.saturating_sub(behind)
    }

    /// Takes output: at most [`Ring::room`]; what is more than that is lost to all.
    pub fn push(&mut self, bytes: &[u8], now: Instant) {
        let (kept, more) = bytes.split_at(bytes.len().min(self.room()));
        let before = self.end();
        if self.place.is_some() || self.cursors.values().any(|cursor| !cursor.dead) {
            self.bytes.extend(kept);
        } else {
            self.start += kept.len() as u64;
        }
        let end = self.end();
        for cursor in self.cursors.values_mut() {
            cursor.lost += more.len() as u64;
            if cursor.dead {
                cursor.lost += kept.len() as u64;
                (cursor.at, cursor.floor) = (end, end);
            } else if cursor.at == before {
                cursor.moved = now;
            }
        }
        self.trim();
    }

    /// A session joins: it gets what comes from now on; after one that was cut off, from where that
    /// was. `resumable`: it will say what it has delivered.
    pub fn join(&mut self, session: u32, resumable: bool, now: Instant) {
        let (mut at, mut lost) = (self.end(), 0);
        if let Some(place) = &mut self.place {
            (at, lost) = (place.at, place.lost);
            place.until.get_or_insert(now + RETURN);
        }
        let cursor = Cursor {
            at,
            floor: at,
            in_flight: resumable.then_some(0),
            delivers: false,
            moved: now,
            lost,
            dead: false,
        };
        self.cursors.insert(session, cursor);
        self.forsake();
    }

    /// A session is cut off, and may come back as another.
    pub fn cut_off(&mut self, session: u32) {
        let Some(cursor) = self.cursors.remove(&session) else {
            return;
        };
        let at = cursor.held_from(self.most_in_flight()).max(self.start);
        let new = Place::new(at, cursor.lost, cursor.delivers);
        let mut place = match self.place.take() {
            None => new,
            Some(mut place) => {
                place.merge(&new);
                place
            }
        };
        place.limit = (self.end() - place.at).max(self.capacity as u64);
        self.place = Some(place);
        self.trim();
        self.bytes.shrink_to_fit();
    }

    /// One of those that were cut off has come back, or will not.
    pub fn forsake(&mut self) {
        if self.place.as_mut().is_some_and(|place| !place.settle()) {
            self.place = None;
        }
        self.trim();
    }

    /// What is held for a session that was cut off, and what has been lost for want of one, in
    /// bytes. `None`: there was none, or nothing that it missed.
    pub fn unclaimed(&self) -> Option<(u64, u64)> {
        let place = self.place.as_ref()?;
        let held = self.end() - place.at;
        (held + place.lost > 0).then_some((held, place.lost))
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
            let to = end.min(cursor.at + bytes as u64);
            if let Some(in_flight) = &mut cursor.in_flight {
                *in_flight += to - cursor.at;
            }
            cursor.at = to;
            cursor.moved = now;
            self.trim();
        }
    }

    /// A session has delivered so many of the bytes that it had taken, the oldest.
    pub fn delivered(&mut self, session: u32, bytes: u64) {
        if let Some(cursor) = self.cursors.get_mut(&session)
            && let Some(in_flight) = &mut cursor.in_flight
        {
            *in_flight = in_flight.saturating_sub(bytes);
            cursor.delivers = true;
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
    /// `is_open`: more may come.
    pub fn deadline(&self, is_open: bool) -> Option<Instant> {
        let returns = self.place.as_ref().and_then(|place| place.until);
        self.reader_deadline(is_open)
            .into_iter()
            .chain(returns)
            .min()
    }

    fn reader_deadline(&self, is_open: bool) -> Option<Instant> {
        if !is_open || self.room() > 0 {
            return None;
        }
        let at = self.slowest();
        let slowest = self.cursors.values();
        let slowest = slowest.filter(|each| !each.dead && each.at == at);
        slowest.map(|each| each.moved + self.patience).min()
    }

    /// Moves on whoever has taken nothing for too long while the process waits for it, and waits no
    /// longer for those who do not come back.
    pub fn expire(&mut self, is_open: bool, now: Instant) {
        let is_over = |place: &Place| place.until.is_some_and(|until| now >= until);
        if self.place.as_ref().is_some_and(is_over) {
            self.place = None;
            self.trim();
        }
        if self
            .reader_deadline(is_open)
            .is_none_or(|deadline| now < deadline)
        {
            return;
        }
        let (slowest, end, patience) = (self.slowest(), self.end(), self.patience);
        for cursor in self.cursors.values_mut() {
            if !cursor.dead && cursor.at == slowest && now >= cursor.moved + patience {
                cursor.lost += end - cursor.at;
                (cursor.at, cursor.floor) = (end, end);
                cursor.dead = true;
            }
        }
        self.trim();
    }

    fn trim(&mut self) {
        let (end, most) = (self.end(), self.most_in_flight());
        if let Some(place) = &mut self.place {
            let surplus = (end - place.at).saturating_sub(place.limit);
            place.at += surplus;
            place.lost += surplus;
        }
        let waited_for = self.cursors.values().filter(|cursor| !cursor.dead);
        let held = waited_for.map(|cursor| cursor.held_from(most));
        let held = held.chain(self.place.as_ref().map(|place| place.at)).min();
        let held = held.unwrap_or(end).max(self.start);
        let gone = usize::try_from(held - self.start).unwrap_or(usize::MAX);
        self.bytes.drain(..gone.min(self.bytes.len()));
        self.start = held;
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT {
            self.bytes = VecDeque::new();
        }
    }
}
