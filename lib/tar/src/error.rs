//! Why an archive cannot be read.

/// A number of an archive's header or records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberField {
    /// Checksum of the header.
    Checksum,
    /// Bytes of data.
    Size,
    /// Permission bits.
    Mode,
    /// Owner.
    Uid,
    /// Group.
    Gid,
    /// Time of last change.
    Mtime,
    /// Device numbers.
    Device,
}

/// What is longer than anything real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooLong {
    /// Pax records of one entry.
    Records,
    /// A GNU long name or link.
    Name,
    /// The map of a sparse file.
    SparseMap,
}

/// An archive cannot be read. Offsets count uncompressed bytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source of the bytes failed.
    #[error("cannot read the archive at byte {offset}")]
    Read {
        /// How far it went.
        offset: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The archive ends inside an entry.
    #[error("the archive is cut off at byte {offset}")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// Not a header: wrong checksum. The usual sign of something that is no tar archive.
    #[error("no tar header at byte {offset} (wrong checksum)")]
    Checksum {
        /// Where the header should be.
        offset: u64,
    },
    /// A number is malformed or out of range.
    #[error("the {field:?} in the header at byte {offset} is no number or out of range")]
    Number {
        /// Which.
        field: NumberField,
        /// Where the header is.
        offset: u64,
    },
    /// Pax records are malformed.
    #[error("malformed pax record before byte {offset}")]
    Pax {
        /// Where the records end.
        offset: u64,
    },
    /// A sparse map is malformed, out of order, or does not fit the data.
    #[error("malformed map of a sparse file at byte {offset}")]
    Sparse {
        /// Where the entry's header is.
        offset: u64,
    },
    /// Something is beyond its bound.
    #[error("{what:?} of {size} bytes before byte {offset} is too long")]
    TooLong {
        /// What.
        what: TooLong,
        /// How long it claims to be.
        size: u64,
        /// Where.
        offset: u64,
    },
    /// A name or link is empty or holds a NUL.
    #[error("the header at byte {offset} has an empty name or one with a NUL")]
    Name {
        /// Where the header is.
        offset: u64,
    },
    /// An entry of a kind that has no meaning in a root filesystem.
    #[error("the entry at byte {offset} has the unknown type {flag:#04x}")]
    Kind {
        /// The type byte.
        flag: u8,
        /// Where the header is.
        offset: u64,
    },
}
