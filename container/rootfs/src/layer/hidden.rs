//! What a layer takes away from the layers below it.

use std::collections::BTreeSet;

/// Paths are relative to the layer's root, without leading slash, `.` or `..`; the root is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Entries that are gone; this layer has none of that name.
    pub whiteouts: BTreeSet<Vec<u8>>,
    /// Directories that show nothing of the layers below.
    pub opaque: BTreeSet<Vec<u8>>,
}

/// The file of a layer that holds this could not be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed list of hidden entries")]
pub(crate) struct Malformed;

impl Hidden {
    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.whiteouts.is_empty() && self.opaque.is_empty()
    }

    /// As a file: for each path `w` (whiteout) or `o` (opaque), the path, NUL.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let whiteouts = self.whiteouts.iter().map(|path| (b'w', path));
        let opaque = self.opaque.iter().map(|path| (b'o', path));
        let record = |(kind, path): (u8, &Vec<u8>)| [&[kind], path.as_slice(), &[0]].concat();
        whiteouts.chain(opaque).flat_map(record).collect()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut hidden = Self::default();
        for record in bytes.split_inclusive(|byte| *byte == 0) {
            let record = record.strip_suffix(&[0]).ok_or(Malformed)?;
            match record.split_first() {
                Some((b'w', path)) => hidden.whiteouts.insert(path.to_vec()),
                Some((b'o', path)) => hidden.opaque.insert(path.to_vec()),
                _ => return Err(Malformed),
            };
        }
        Ok(hidden)
    }
}
