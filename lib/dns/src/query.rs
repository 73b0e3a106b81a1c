//! What is asked.

use crate::record::Record;
use crate::{HEADER, UDP, flag, kind, name, number};

/// Most that is sent over UDP, whatever a client says that it takes: larger packets are cut to
/// pieces on their way, and loopback needs none.
const LARGEST: usize = 4096;

/// A query that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    /// Tells answers apart.
    pub id: u16,
    /// The name, in lower case and without the last dot.
    pub name: String,
    /// The kind of record.
    pub kind: u16,
    /// The class.
    pub class: u16,
    /// The question as it came, in the asker's mixture of cases.
    pub question: &'a [u8],
    /// What else the asker can do.
    pub edns: Option<Edns>,
    pub(crate) flags: u16,
}

/// What a query says of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// How much it takes over UDP.
    pub size: u16,
    /// Which version it speaks; there is only 0.
    pub version: u8,
    /// Whether it wants signatures.
    pub signed: bool,
}

/// Why bytes are no query to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Shorter than a header, or an answer: saying anything could go on for ever.
    #[error("this is no query")]
    Silent,
    /// Not understood.
    #[error("the query has not the form of one")]
    Format,
    /// Another operation than a query.
    #[error("only queries are answered")]
    Operation,
}

impl<'a> Query<'a> {
    /// Reads a query.
    ///
    /// # Errors
    /// [`Refused`]; all but the silent one can be answered with [`crate::refusal`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        let word = |at| number(bytes, at).ok_or(Refused::Silent);
        let (id, flags) = (word(0)?, word(2)?);
        let [questions, answers, authorities, additional] =
            [word(4)?, word(6)?, word(8)?, word(10)?];
        if flags & flag::ANSWER != 0 {
            return Err(Refused::Silent);
        }
        if flags & flag::OPCODE != 0 {
            return Err(Refused::Operation);
        }
        if questions != 1 || answers != 0 || authorities != 0 {
            return Err(Refused::Format);
        }
        let (name, end) = name::read(bytes, HEADER).ok_or(Refused::Format)?;
        let kind = number(bytes, end).ok_or(Refused::Format)?;
        let class = number(bytes, end + 2).ok_or(Refused::Format)?;
        let question = bytes.get(HEADER..end + 4).ok_or(Refused::Format)?;
        let edns = edns(bytes, end + 4, additional).ok_or(Refused::Format)?;
        Ok(Self {
            id,
            name,
            kind,
            class,
            question,
            edns,
            flags,
        })
    }

    /// How long an answer over UDP may be.
    #[must_use]
    pub fn udp_limit(&self) -> usize {
        self.edns
            .map_or(UDP, |edns| usize::from(edns.size).clamp(UDP, LARGEST))
    }

    /// Whether others may be asked on its behalf.
    #[must_use]
    pub fn wants_recursion(&self) -> bool {
        self.flags & flag::RECURSION != 0
    }

    /// What besides the question decides on an answer: recursion, no checks, signatures.
    #[must_use]
    pub fn manner(&self) -> u16 {
        let signed = self.edns.is_some_and(|edns| edns.signed);
        let edns = u16::from(self.edns.is_some()) << 1 | u16::from(signed);
        self.flags & (flag::RECURSION | flag::NOT_CHECKED) | edns
    }
}

/// The one OPT record, if there is one; none at all if the section is not one of records.
fn edns(bytes: &[u8], mut at: usize, count: u16) -> Option<Option<Edns>> {
    let mut found = None;
    for _ in 0..count {
        let record = Record::read(bytes, at)?;
        at = record.end;
        if record.kind == kind::OPT {
            let version = *bytes.get(record.ttl_at + 1)?;
            let signed = *bytes.get(record.ttl_at + 2)? & 0x80 != 0;
            let edns = Edns {
                size: record.class,
                version,
                signed,
            };
            if found.replace(edns).is_some() {
                return None;
            }
        }
    }
    Some(found)
}
