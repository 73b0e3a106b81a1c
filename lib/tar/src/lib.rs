//! Tar archives, read and written as streams.
//!
//! Understood: v7, ustar, POSIX pax (records of single entries and of the whole archive) and GNU
//! (long names, base-256 numbers), and sparse files in all four forms they come in. The reader is
//! total: any bytes give entries or an error, and no claim made by an archive decides how much
//! memory is taken. What is written is ustar, with pax records where an entry needs them.
//!
//! ```text
//! [x header][records] [L header][long name] [header][data, padded to 512] ... [zeros] [zeros]
//!  └ all that belongs to the next entry ┘
//! ```
//!
//! Source: POSIX.1-2017 pax; tar(5) of libarchive; the GNU tar manual, appendix "Tar Internals".

mod error;
mod header;
mod pax;
mod reader;
mod shown;
mod sparse;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{Error, NumberField, TooLong};
pub use reader::Reader;
pub use shown::shown;
pub use sparse::{Segment, Sparse};
pub use writer::{WriteError, Writer};

/// A point in time: seconds since 1970 and nanoseconds after that second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// Seconds; negative before 1970.
    pub seconds: i64,
    /// 0 to 999 999 999, always forwards.
    pub nanoseconds: u32,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file with data.
    File,
    /// Another name of an earlier entry, given from the archive's root.
    HardLink {
        /// That entry's name.
        target: Vec<u8>,
    },
    /// A symbolic link.
    Symlink {
        /// Its text, any bytes but NUL.
        target: Vec<u8>,
    },
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
}

/// One member of an archive, without its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name as written: never empty, no NUL, else any bytes (absolute, `..`, ...).
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-id and sticky, `0o7777` at most.
    pub mode: u32,
    /// Owner; never `u32::MAX`, which chown(2) takes for "leave it".
    pub uid: u32,
    /// Group; never `u32::MAX`.
    pub gid: u32,
    /// Last change of the data.
    pub mtime: Time,
    /// Bytes of data that follow in the archive; 0 for all but files.
    pub stored: u64,
    /// Extended attributes, name and value.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the data belongs, for a file with holes.
    pub sparse: Option<Sparse>,
}
