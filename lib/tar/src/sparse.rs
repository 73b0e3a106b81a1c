//! Files with holes: which stretches of the file the stored data fills.
//!
//! | form | where the map is |
//! |---|---|
//! | GNU, type `S` | four pairs in the header, then blocks of 21 pairs |
//! | pax 0.0 | repeated records `GNU.sparse.offset`, `GNU.sparse.numbytes` |
//! | pax 0.1 | one record `GNU.sparse.map` |
//! | pax 1.0 | decimal lines at the start of the data, padded to 512 |

use super::pax::decimal;

/// Most stretches a file may have; more would only be an attack on memory.
pub(super) const MOST_SEGMENTS: usize = 1 << 18;

/// A stretch of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where in the file, in bytes.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// The map of a file with holes: in order, without overlap, within `size`, and as long in total as
/// the entry's stored data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sparse {
    /// Size of the file with its holes.
    pub size: u64,
    /// Where the data goes.
    pub segments: Vec<Segment>,
}

impl Sparse {
    /// Checks a map against the bytes that are stored for it.
    pub(super) fn checked(size: u64, segments: Vec<Segment>, stored: u64) -> Option<Self> {
        let (mut end, mut total) = (0u64, 0u64);
        // Offsets in files are signed.
        i64::try_from(size).ok()?;
        for segment in &segments {
            if segment.offset < end {
                return None;
            }
            end = segment.offset.checked_add(segment.length)?;
            total = total.checked_add(segment.length)?;
        }
        (end <= size && total == stored).then_some(Self { size, segments })
    }
}

/// What pax records say of holes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PaxSparse {
    pub major: Option<u64>,
    pub minor: Option<u64>,
    pub name: Option<Vec<u8>>,
    /// `GNU.sparse.realsize` or `GNU.sparse.size`.
    pub size: Option<u64>,
    /// Offsets and lengths in turn, forms 0.0 and 0.1.
    pub numbers: Vec<u64>,
}

impl PaxSparse {
    /// `None`: malformed.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        match name {
            b"major" => self.major = Some(decimal(value)?),
            b"minor" => self.minor = Some(decimal(value)?),
            b"name" if value.is_empty() || value.contains(&0) => return None,
            b"name" => self.name = Some(value.to_vec()),
            b"realsize" | b"size" => self.size = Some(decimal(value)?),
            b"offset" if self.numbers.len().is_multiple_of(2) => self.push(decimal(value)?)?,
            b"numbytes" if !self.numbers.len().is_multiple_of(2) => self.push(decimal(value)?)?,
            b"map" => {
                self.numbers.clear();
                for number in value.split(|byte| *byte == b',') {
                    self.push(decimal(number)?)?;
                }
            }
            // The count only repeats what the pairs say.
            b"numblocks" => {}
            _ => return None,
        }
        Some(())
    }

    fn push(&mut self, number: u64) -> Option<()> {
        (self.numbers.len() < 2 * MOST_SEGMENTS).then(|| self.numbers.push(number))
    }

    /// Whether the map stands before the data (form 1.0).
    pub(super) fn is_map_in_data(&self) -> bool {
        self.major == Some(1) && self.minor == Some(0)
    }

    /// Whether the entry has holes in form 0.0 or 0.1.
    pub(super) fn is_map_in_records(&self) -> bool {
        !self.is_map_in_data() && (!self.numbers.is_empty() || self.size.is_some())
    }
}

/// Pairs of numbers as stretches; `None` where one lacks its length.
pub(super) fn pairs(numbers: &[u64]) -> Option<Vec<Segment>> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    let segment = |pair: &[u64; 2]| Segment {
        offset: pair[0],
        length: pair[1],
    };
    rest.is_empty().then(|| pairs.iter().map(segment).collect())
}
