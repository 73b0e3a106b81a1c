//! What is kept for sessions that were cut off: where the next one goes on.
//!
//! ```text
//!   cut off ──► place, for one session ──joined──► gone
//!                 │ another is cut off                ▲
//!                 ▼                                   │ the others have come,
//!               place, for two ──joined by one──► for one more, until RETURN is over
//! ```
//!
//! There is one place for all: who comes back cannot be told from another. It is where the one
//! stands that had got the least, of those that took anything; so some may get a little twice, and
//! nobody loses what another has.

use std::time::{Duration, Instant};

/// How long the others may take to come back, once one has.
pub(super) const RETURN: Duration = Duration::from_secs(60);

/// Where sessions were that were cut off.
#[derive(Debug)]
pub(super) struct Place {
    /// The first byte that is kept.
    pub at: u64,
    /// What has been lost before that, and nobody has been told of.
    pub lost: u64,
    /// Whether the session that it was of took anything.
    taken: bool,
    /// How many may still come back.
    sessions: usize,
    /// How much is kept, in bytes: a ring, or what there was at first if that is more.
    pub limit: u64,
    /// When nobody more is waited for. `None` while nobody has come back.
    pub until: Option<Instant>,
}

impl Place {
    /// Of one session.
    pub fn new(at: u64, lost: u64, taken: bool) -> Self {
        Self {
            at,
            lost,
            taken,
            sessions: 1,
            limit: 0,
            until: None,
        }
    }

    /// Another one of the same stream.
    pub fn merge(&mut self, other: &Self) {
        self.sessions += other.sessions;
        // Who took nothing is behind by all there was, which nobody misses.
        let rank = |place: &Self| (!place.taken, place.at);
        if rank(other) < rank(self) {
            (self.at, self.lost, self.taken) = (other.at, other.lost, other.taken);
        }
    }

    /// Somebody has come back, or never will. Whether others still may.
    pub fn settle(&mut self) -> bool {
        self.sessions -= 1;
        self.sessions > 0
    }
}
