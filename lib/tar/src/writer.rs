//! From entries to bytes.
//!
//! Headers are ustar. What does not fit one goes into pax records before it: names and links of
//! more than 100 bytes, ids and sizes of more digits than there is room for, times with fractions
//! or before 1970, extended attributes. So an archive of plain files is one that every tar reads.

use std::io::Write;

use super::header::BLOCK;
use super::pax::{Value, append, attribute_key};
use super::reader::MOST_EXTRA;
use super::{Entry, Kind, Time};

/// Zeros for padding and for the end of the archive.
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// An archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The taker of the bytes failed.
    #[error("cannot write the archive")]
    Write(#[source] std::io::Error),
    /// A name or link is empty, holds a NUL, or is a file's and ends in `/`.
    #[error("an entry's name or link is empty, has a NUL or ends in a slash")]
    Name,
    /// An extended attribute's name is empty or holds a NUL.
    #[error("the name of an extended attribute is empty or has a NUL")]
    Attribute,
    /// Names and attributes of one entry are more than any reader would take.
    #[error("names and extended attributes of one entry take {size} bytes")]
    TooLong {
        /// How many.
        size: usize,
    },
    /// Files with holes are written as plain ones.
    #[error("an entry has a map of holes, which is not written")]
    Sparse,
    /// The entry before has fewer bytes of data than it announced, or this one more.
    #[error("the data of an entry is {left} bytes short of its size")]
    Data {
        /// How many are still to come; negative: too many came.
        left: i128,
    },
}

/// A tar archive on its way out. Each [`start`](Self::start) is followed by exactly the entry's
/// `stored` bytes in any number of [`data`](Self::data) calls.
pub struct Writer<W> {
    to: W,
    /// Data of the current entry still to come.
    left: u64,
    /// Zeros after it.
    padding: usize,
}

impl<W: Write> Writer<W> {
    /// An archive that begins at the first byte given to `to`. Headers are written one by one:
    /// `to` should buffer.
    pub fn new(to: W) -> Self {
        Self {
            to,
            left: 0,
            padding: 0,
        }
    }

    /// Begins an entry. By custom the name of a directory ends in `/`; it is written as it is.
    ///
    /// # Errors
    /// [`WriteError`]; nothing of the entry has been written unless it is [`WriteError::Write`].
    pub fn start(&mut self, entry: &Entry) -> Result<(), WriteError> {
        self.end_entry()?;
        let link = match &entry.kind {
            Kind::HardLink { target } | Kind::Symlink { target } => Some(target.as_slice()),
            _ => None,
        };
        let is_bad = |name: &[u8]| name.is_empty() || name.contains(&0);
        let is_data = entry.kind == Kind::File;
        if is_bad(&entry.path) || link.is_some_and(is_bad) {
            return Err(WriteError::Name);
        }
        // A reader takes a file of such a name for a directory of old.
        if is_data && entry.path.ends_with(b"/") {
            return Err(WriteError::Name);
        }
        if entry.sparse.is_some() {
            return Err(WriteError::Sparse);
        }
        let size = if is_data { entry.stored } else { 0 };
        let records = records(entry, link, size)?;
        if !records.is_empty() {
            self.write(pax_header(&entry.path, records.len()).as_block())?;
            self.write(&records)?;
            let padding = records.len().wrapping_neg() % BLOCK;
            self.write(ZEROS.get(..padding).unwrap_or_default())?;
        }
        self.write(header(entry, link, size).as_block())?;
        self.left = size;
        // Less than a block.
        self.padding = (size.wrapping_neg() % BLOCK as u64) as usize;
        Ok(())
    }

    /// Adds data of the entry begun last.
    ///
    /// # Errors
    /// [`WriteError::Data`] when it is more than announced, [`WriteError::Write`].
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let length = bytes.len() as u64;
        self.left = self.left.checked_sub(length).ok_or(WriteError::Data {
            left: i128::from(self.left) - i128::from(length),
        })?;
        self.write(bytes)
    }

    /// Ends the archive, flushes it and gives back its taker.
    ///
    /// # Errors
    /// [`WriteError::Data`] when the last entry lacks data, [`WriteError::Write`].
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.end_entry()?;
        self.write(&ZEROS)?;
        self.write(&ZEROS)?;
        self.to.flush().map_err(WriteError::Write)?;
        Ok(self.to)
    }

    fn end_entry(&mut self) -> Result<(), WriteError> {
        if self.left > 0 {
            let left = self.left.into();
            return Err(WriteError::Data { left });
        }
        let padding = std::mem::take(&mut self.padding);
        self.write(ZEROS.get(..padding).unwrap_or_default())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.to.write_all(bytes).map_err(WriteError::Write)
    }
}

/// What the header has no room for.
fn records(entry: &Entry, link: Option<&[u8]>, size: u64) -> Result<Vec<u8>, WriteError> {
    let mut records = Vec::new();
    if entry.path.len() > NAME.1 {
        append(&mut records, b"path", Value::Bytes(&entry.path));
    }
    if let Some(link) = link.filter(|link| link.len() > LINK.1) {
        append(&mut records, b"linkpath", Value::Bytes(link));
    }
    let numbers = [
        (b"size".as_slice(), size, SIZE),
        (b"uid", entry.uid.into(), UID),
        (b"gid", entry.gid.into(), GID),
    ];
    for (key, number, field) in numbers {
        if number > largest(field) {
            append(&mut records, key, Value::Number(number));
        }
    }
    if whole_seconds(entry.mtime).is_none() {
        append(&mut records, b"mtime", Value::Time(entry.mtime));
    }
    for (name, value) in &entry.xattrs {
        if name.is_empty() || name.contains(&0) {
            return Err(WriteError::Attribute);
        }
        append(&mut records, &attribute_key(name), Value::Bytes(value));
    }
    let size = records.len();
    if size as u64 > MOST_EXTRA {
        return Err(WriteError::TooLong { size });
    }
    Ok(records)
}

/// Where a field stands and how long it is.
type Field = (usize, usize);

const NAME: Field = (0, 100);
const MODE: Field = (100, 8);
const UID: Field = (108, 8);
const GID: Field = (116, 8);
const SIZE: Field = (124, 12);
const MTIME: Field = (136, 12);
const CHECKSUM: Field = (148, 8);
const LINK: Field = (157, 100);
const MAGIC: Field = (257, 8);
const MAJOR: Field = (329, 8);
const MINOR: Field = (337, 8);

/// The largest octal number of a field, whose last byte is a NUL.
fn largest((_, length): Field) -> u64 {
    (1 << (3 * (length - 1))) - 1
}

/// A time that a header can hold.
fn whole_seconds(time: Time) -> Option<u64> {
    let seconds = u64::try_from(time.seconds).ok()?;
    (time.nanoseconds == 0 && seconds <= largest(MTIME)).then_some(seconds)
}

struct Block([u8; BLOCK]);

impl Block {
    fn new(flag: u8, name: &[u8]) -> Self {
        let mut block = Self([0; BLOCK]);
        block.0[156] = flag;
        block.text(NAME, name);
        block.text(MAGIC, b"ustar\x0000");
        block
    }

    /// As much of a text as there is room for; records hold all of a longer one.
    fn text(&mut self, (at, length): Field, text: &[u8]) {
        let field = self.0.get_mut(at..at + length).unwrap_or_default();
        for (to, from) in field.iter_mut().zip(text) {
            *to = *from;
        }
    }

    /// An octal number, or 0 where records hold a larger one.
    fn number(&mut self, field: Field, number: u64) {
        let number = if number > largest(field) { 0 } else { number };
        let digits = format!("{number:0width$o}", width = field.1 - 1);
        self.text(field, digits.as_bytes());
    }

    /// A device number: 32 bits do not fit octal digits, and there is no record for them, so GNU's
    /// base 256 stands in for large ones, which no Linux device has.
    fn device(&mut self, field: Field, number: u32) {
        if u64::from(number) <= largest(field) {
            self.number(field, number.into());
        } else {
            let [a, b, c, d] = number.to_be_bytes();
            self.text(field, &[0x80, 0, 0, 0, a, b, c, d]);
        }
    }

    fn sealed(mut self) -> Self {
        self.text(CHECKSUM, b"        ");
        let sum: u64 = self.0.iter().map(|byte| u64::from(*byte)).sum();
        self.text(CHECKSUM, format!("{sum:06o}\0 ").as_bytes());
        self
    }

    fn as_block(&self) -> &[u8] {
        &self.0
    }
}

fn header(entry: &Entry, link: Option<&[u8]>, size: u64) -> Block {
    let flag = match entry.kind {
        Kind::File => b'0',
        Kind::HardLink { .. } => b'1',
        Kind::Symlink { .. } => b'2',
        Kind::CharDevice { .. } => b'3',
        Kind::BlockDevice { .. } => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    };
    let mut block = Block::new(flag, &entry.path);
    block.text(LINK, link.unwrap_or_default());
    block.number(MODE, (entry.mode & 0o7777).into());
    block.number(UID, entry.uid.into());
    block.number(GID, entry.gid.into());
    block.number(SIZE, size);
    block.number(MTIME, whole_seconds(entry.mtime).unwrap_or(0));
    if let Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } = entry.kind {
        block.device(MAJOR, major);
        block.device(MINOR, minor);
    }
    block.sealed()
}

/// Tars that know no pax unpack the records as a file of this name.
fn pax_header(path: &[u8], size: usize) -> Block {
    let mut parts = path.rsplit(|byte| *byte == b'/');
    let name = parts.find(|part| !part.is_empty()).unwrap_or(b"root");
    let name = name.get(..name.len().min(80)).unwrap_or_default();
    let mut block = Block::new(b'x', &[b"PaxHeaders/", name].concat());
    block.number(MODE, 0o644);
    block.number(UID, 0);
    block.number(GID, 0);
    block.number(MTIME, 0);
    block.number(SIZE, size as u64);
    block.sealed()
}
