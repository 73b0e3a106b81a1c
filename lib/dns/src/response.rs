//! What others have answered.

use crate::record::Record;
use crate::{Code, HEADER, Query, flag, kind, name, number};

/// Bytes that are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer has not the form of one")]
pub struct Malformed;

/// An answer with what a forwarder has to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// That of the query.
    pub id: u16,
    /// The result's number.
    pub code: u8,
    /// Whether there is more than fitted.
    pub truncated: bool,
    /// For how many seconds it may be told again; none if it may not.
    pub lasts: Option<u32>,
    /// Where the question ends.
    question_end: usize,
    /// Where times to live stand.
    ttls: Vec<usize>,
}

impl Response {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read(bytes).ok_or(Malformed)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at| number(bytes, at);
        let (id, flags) = (word(0)?, word(2)?);
        if flags & flag::ANSWER == 0 || flags & flag::OPCODE != 0 || word(4)? != 1 {
            return None;
        }
        let mut at = name::skip(bytes, HEADER)? + 4;
        let question_end = at;
        let (mut ttls, mut least, mut negative) = (Vec::new(), None::<u32>, None::<u32>);
        for (section, count) in [word(6)?, word(8)?, word(10)?].into_iter().enumerate() {
            for _ in 0..count {
                let record = Record::read(bytes, at)?;
                at = record.end;
                if record.kind == kind::OPT {
                    continue;
                }
                let ttl = record.ttl(bytes);
                least = Some(least.map_or(ttl, |least| least.min(ttl)));
                ttls.push(record.ttl_at);
                if section == 1 && record.kind == kind::SOA {
                    negative = Some(ttl.min(minimum(bytes, &record)?));
                }
            }
        }
        let code = (flags & flag::CODE) as u8;
        let truncated = flags & flag::TRUNCATED != 0;
        let lasts = match (code, word(6)?) {
            _ if truncated => None,
            (0, 1..) => least,
            // That there is nothing lasts as long as the zone's begin of authority says.
            (0, 0) | (3, _) => negative
                .zip(least)
                .map(|(negative, least)| negative.min(least)),
            _ => None,
        };
        Some(Self {
            id,
            code,
            truncated,
            lasts: lasts.filter(|seconds| *seconds > 0),
            question_end,
            ttls,
        })
    }

    /// Whether the bytes that this was read from answer a query that was sent with a number.
    #[must_use]
    pub fn answers(&self, bytes: &[u8], query: &Query<'_>, id: u16) -> bool {
        let question = bytes.get(HEADER..self.question_end);
        self.id == id && question.is_some_and(|own| own.eq_ignore_ascii_case(query.question))
    }

    /// Whether another server should be asked.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.code == Code::Failure as u8 || self.code == Code::Refused as u8
    }

    /// Makes the bytes that this was read from an answer to a query that came so many seconds later.
    pub fn adapt(&self, bytes: &mut [u8], query: &Query<'_>, seconds: u32) {
        if let Some(place) = bytes.get_mut(0..2) {
            place.copy_from_slice(&query.id.to_be_bytes());
        }
        // The asker's mixture of cases: some tell by it whether an answer is for them.
        if let Some(place) = bytes.get_mut(HEADER..self.question_end)
            && place.len() == query.question.len()
        {
            place.copy_from_slice(query.question);
        }
        for at in self.ttls.iter().filter(|_| seconds > 0) {
            let Some(place) = bytes.get_mut(*at..at + 4) else {
                continue;
            };
            let old = u32::from_be_bytes([place[0], place[1], place[2], place[3]]);
            place.copy_from_slice(&old.saturating_sub(seconds).to_be_bytes());
        }
    }
}

/// The last of a begin of authority's numbers.
fn minimum(bytes: &[u8], record: &Record) -> Option<u32> {
    let at = record
        .end
        .checked_sub(4)
        .filter(|at| *at >= record.data_at)?;
    let word: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(word))
}
