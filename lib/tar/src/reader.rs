//! From bytes to entries.

use std::io::Read;

use super::header::{BLOCK, Format, Header, number};
use super::pax::{Records, decimal};
use super::sparse::{MOST_SEGMENTS, Segment, Sparse, pairs};
use super::{Entry, Error, Kind, NumberField, Time, TooLong};

/// Most bytes of pax records or of a long name. An extended attribute has 64 KiB at most, a path
/// 4 KiB.
pub(super) const MOST_EXTRA: u64 = 1 << 20;

/// A tar archive. After [`next_entry`](Self::next_entry) its data can be read with
/// [`read_data`](Self::read_data); what is left unread is passed over.
pub struct Reader<R> {
    source: R,
    offset: u64,
    /// Data of the current entry not yet read.
    data: u64,
    /// Zeros after it, up to a whole block.
    padding: u64,
    global: Records,
    is_finished: bool,
}

impl<R: Read> Reader<R> {
    /// Reads an archive from its first byte.
    pub fn new(source: R) -> Self {
        Self {
            source,
            offset: 0,
            data: 0,
            padding: 0,
            global: Records::default(),
            is_finished: false,
        }
    }

    /// The next entry; `None` at the end, which is two blocks of zeros or the end of the bytes
    /// between two entries.
    ///
    /// # Errors
    /// [`Error`]; the archive cannot be read any further then.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Error> {
        let mut records: Option<Records> = None;
        let (mut long_name, mut long_link) = (None, None);
        loop {
            self.skip_data()?;
            if self.is_finished {
                return Ok(None);
            }
            let at = self.offset;
            let Some(block) = self.block_or_end()? else {
                self.is_finished = true;
                // Something was announced that does not come.
                if records.is_some() || long_name.is_some() || long_link.is_some() {
                    return Err(Error::Truncated { offset: at });
                }
                return Ok(None);
            };
            if block.iter().all(|byte| *byte == 0) {
                self.is_finished = true;
                continue;
            }
            let header = Header::checked(&block).ok_or(Error::Checksum { offset: at })?;
            let size = unsigned(&header, at, 124, 12, NumberField::Size)?;
            match header.flag() {
                b'x' | b'X' => {
                    let bytes = self.extra(size, TooLong::Records)?;
                    let records = records.get_or_insert_with(|| self.global.clone());
                    let offset = self.offset;
                    records.add(&bytes).map_err(|_| Error::Pax { offset })?;
                }
                b'g' => {
                    let bytes = self.extra(size, TooLong::Records)?;
                    let offset = self.offset;
                    let pax = |_| Error::Pax { offset };
                    self.global.add(&bytes).map_err(pax)?;
                }
                b'L' => long_name = Some(without_nul(self.extra(size, TooLong::Name)?)),
                b'K' => long_link = Some(without_nul(self.extra(size, TooLong::Name)?)),
                // A volume's label.
                b'V' => self.expect_data(size),
                flag => {
                    let records = records.unwrap_or_else(|| self.global.clone());
                    let names = (long_name, long_link);
                    return self.entry(&header, flag, at, records, names).map(Some);
                }
            }
        }
    }

    /// Reads stored data of the current entry; 0 at its end.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Truncated`].
    pub fn read_data(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let most = usize::try_from(self.data)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(part) = buffer.get_mut(..most).filter(|part| !part.is_empty()) else {
            return Ok(0);
        };
        let read = self.read_some(part)?;
        if read == 0 {
            return Err(Error::Truncated {
                offset: self.offset,
            });
        }
        self.data -= read as u64;
        Ok(read)
    }

    /// Hands all data of `entry`, which was read last, to `write`, piece by piece with the place in
    /// the file that each belongs at. Holes are passed over: the file must have its size already.
    ///
    /// # Errors
    /// As [`read_data`](Self::read_data), and whatever `write` fails with.
    pub fn copy_data<E: From<Error>>(
        &mut self,
        entry: &Entry,
        buffer: &mut [u8],
        mut write: impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let whole = [Segment {
            offset: 0,
            length: entry.stored,
        }];
        let segments = entry
            .sparse
            .as_ref()
            .map_or(&whole[..], |sparse| &sparse.segments);
        for segment in segments {
            let (mut at, mut left) = (segment.offset, segment.length);
            while left > 0 {
                let most = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(buffer.len());
                let read = self.read_data(buffer.get_mut(..most).unwrap_or_default())?;
                if read == 0 {
                    // The map was checked against the stored size, so this entry is another one.
                    let offset = self.offset;
                    return Err(Error::Truncated { offset }.into());
                }
                write(buffer.get(..read).unwrap_or_default(), at)?;
                at += read as u64;
                left -= read as u64;
            }
        }
        Ok(())
    }

    /// Reads on to the end of the source, past the end of the archive, so that whoever computes a
    /// digest of it has seen all.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn drain(&mut self) -> Result<(), Error> {
        let mut buffer = vec![0; 64 * 1024];
        while self.read_some(&mut buffer)? > 0 {}
        Ok(())
    }

    fn entry(
        &mut self,
        header: &Header<'_>,
        flag: u8,
        at: u64,
        records: Records,
        (long_name, long_link): (Option<Vec<u8>>, Option<Vec<u8>>),
    ) -> Result<Entry, Error> {
        let is_sparse_pax = records.sparse.is_map_in_data() || records.sparse.is_map_in_records();
        let path = records
            .sparse
            .name
            .clone()
            .filter(|_| is_sparse_pax)
            .or_else(|| records.path.clone())
            .or(long_name)
            .unwrap_or_else(|| header.name());
        if path.is_empty() || path.contains(&0) {
            return Err(Error::Name { offset: at });
        }
        let link = records.link.clone().or(long_link);
        let link = || link.unwrap_or_else(|| header.link());
        let kind = match flag {
            // Before directories had a type they were files with a name like this.
            0 | b'0' if path.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink { target: link() },
            b'2' => Kind::Symlink { target: link() },
            b'3' | b'4' => {
                let device = |place| unsigned_u32(header, at, place, 8, NumberField::Device);
                let (major, minor) = (device(329)?, device(337)?);
                match flag {
                    b'3' => Kind::CharDevice { major, minor },
                    _ => Kind::BlockDevice { major, minor },
                }
            }
            b'5' | b'D' => Kind::Directory,
            b'6' => Kind::Fifo,
            _ => return Err(Error::Kind { flag, offset: at }),
        };
        if let Kind::HardLink { target } | Kind::Symlink { target } = &kind
            && (target.is_empty() || target.contains(&0))
        {
            return Err(Error::Name { offset: at });
        }
        // A header of any other kind may carry a size, but no data follows it.
        let has_data = kind == Kind::File || flag == b'D';
        let size = match records.size {
            Some(size) => size,
            None => unsigned(header, at, 124, 12, NumberField::Size)?,
        };
        self.expect_data(if has_data { size } else { 0 });
        let sparse = match kind {
            Kind::File => self.sparse(header, flag, at, &records)?,
            _ => None,
        };
        Ok(Entry {
            mode: mode(header, at)?,
            uid: owner(records.uid, header, at, 108, NumberField::Uid)?,
            gid: owner(records.gid, header, at, 116, NumberField::Gid)?,
            mtime: match records.mtime {
                Some(time) => time,
                None => Time {
                    seconds: header
                        .number(136, 12)
                        .and_then(|seconds| i64::try_from(seconds).ok())
                        .ok_or(number_error(NumberField::Mtime, at))?,
                    nanoseconds: 0,
                },
            },
            stored: if kind == Kind::File { self.data } else { 0 },
            xattrs: records.xattrs,
            path,
            kind,
            sparse,
        })
    }

    fn sparse(
        &mut self,
        header: &Header<'_>,
        flag: u8,
        at: u64,
        records: &Records,
    ) -> Result<Option<Sparse>, Error> {
        let malformed = || Error::Sparse { offset: at };
        let (size, segments) = if flag == b'S' && header.format() == Format::Gnu {
            let size = header
                .number(483, 12)
                .and_then(|size| u64::try_from(size).ok());
            let is_continued = header.field(482, 1) != [0];
            let segments = self.gnu_map(header.field(386, 96), is_continued, at)?;
            (size.ok_or_else(malformed)?, segments)
        } else if flag == b'S' {
            return Err(Error::Kind { flag, offset: at });
        } else if records.sparse.is_map_in_data() {
            let size = records.sparse.size.ok_or_else(malformed)?;
            (size, self.map_in_data(at)?)
        } else if records.sparse.is_map_in_records() {
            let size = records.sparse.size.ok_or_else(malformed)?;
            let segments = pairs(&records.sparse.numbers).ok_or_else(malformed)?;
            (size, segments)
        } else {
            return Ok(None);
        };
        let sparse = Sparse::checked(size, segments, self.data).ok_or_else(malformed)?;
        Ok(Some(sparse))
    }

    /// The pairs in the header and in the blocks that continue them, which `size` does not count.
    fn gnu_map(&mut self, first: &[u8], mut more: bool, at: u64) -> Result<Vec<Segment>, Error> {
        let mut segments = Vec::new();
        let mut add = |field: &[u8]| {
            for pair in field.as_chunks::<24>().0 {
                // An unused pair is NULs.
                if pair.iter().all(|byte| *byte == 0) {
                    break;
                }
                let (offset, length) = pair.split_at(12);
                let value = |field| u64::try_from(number(field)?).ok();
                let (offset, length) = value(offset).zip(value(length))?;
                segments.push(Segment { offset, length });
            }
            (segments.len() <= MOST_SEGMENTS).then_some(())
        };
        let malformed = || Error::Sparse { offset: at };
        add(first).ok_or_else(malformed)?;
        while more {
            let offset = self.offset;
            let block = self.block_or_end()?.ok_or(Error::Truncated { offset })?;
            add(&block[..504]).ok_or_else(malformed)?;
            more = block[504] != 0;
        }
        Ok(segments)
    }

    /// Decimal lines: how many pairs, then the pairs.
    fn map_in_data(&mut self, at: u64) -> Result<Vec<Segment>, Error> {
        let malformed = || Error::Sparse { offset: at };
        let mut lines = Lines::default();
        let mut take = |reader: &mut Self| -> Result<u64, Error> {
            loop {
                if let Some(line) = lines.next() {
                    return decimal(&line).ok_or_else(malformed);
                }
                if reader.data < BLOCK as u64 || lines.waiting() > 64 {
                    return Err(malformed());
                }
                let offset = reader.offset;
                let block = reader.block_or_end()?.ok_or(Error::Truncated { offset })?;
                reader.data -= BLOCK as u64;
                lines.add(&block);
            }
        };
        let count = take(self)?;
        if count > MOST_SEGMENTS as u64 {
            return Err(Error::TooLong {
                what: TooLong::SparseMap,
                size: count,
                offset: at,
            });
        }
        let mut segments = Vec::new();
        for _ in 0..count {
            let (offset, length) = (take(self)?, take(self)?);
            segments.push(Segment { offset, length });
        }
        Ok(segments)
    }

    fn expect_data(&mut self, size: u64) {
        self.data = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
    }

    fn skip_data(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 8 * BLOCK];
        while self.read_data(&mut buffer)? > 0 {}
        self.data = std::mem::take(&mut self.padding);
        while self.read_data(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Data of a header that describes the next entry.
    fn extra(&mut self, size: u64, what: TooLong) -> Result<Vec<u8>, Error> {
        let offset = self.offset;
        if size > MOST_EXTRA {
            return Err(Error::TooLong { what, size, offset });
        }
        self.expect_data(size);
        let mut bytes = Vec::new();
        let mut buffer = [0; 8 * BLOCK];
        loop {
            match self.read_data(&mut buffer)? {
                0 => return Ok(bytes),
                read => bytes.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            }
        }
    }

    /// A whole block, or `None` if the bytes end before it.
    fn block_or_end(&mut self) -> Result<Option<[u8; BLOCK]>, Error> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_some(rest)? {
                0 if filled == 0 => return Ok(None),
                0 => {
                    return Err(Error::Truncated {
                        offset: self.offset,
                    });
                }
                read => filled += read,
            }
        }
        Ok(Some(block))
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.source.read(buffer) {
                Ok(read) => {
                    self.offset += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let offset = self.offset;
                    return Err(Error::Read { offset, source });
                }
            }
        }
    }
}

/// Lines that arrive in pieces.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    taken: usize,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    fn waiting(&self) -> usize {
        self.bytes.len() - self.taken
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        let rest = self.bytes.get(self.taken..)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = rest.get(..end)?.to_vec();
        self.taken += end + 1;
        Some(line)
    }
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(end.unwrap_or(bytes.len()));
    bytes
}

fn number_error(field: NumberField, offset: u64) -> Error {
    Error::Number { field, offset }
}

fn unsigned(
    header: &Header<'_>,
    offset: u64,
    at: usize,
    length: usize,
    field: NumberField,
) -> Result<u64, Error> {
    let value = header.number(at, length);
    let value = value.and_then(|value| u64::try_from(value).ok());
    // Sizes and offsets in files are signed.
    let value = value.filter(|value| i64::try_from(*value).is_ok());
    value.ok_or(Error::Number { field, offset })
}

fn unsigned_u32(
    header: &Header<'_>,
    offset: u64,
    at: usize,
    length: usize,
    field: NumberField,
) -> Result<u32, Error> {
    let value = unsigned(header, offset, at, length, field)?;
    u32::try_from(value).map_err(|_| number_error(field, offset))
}

fn mode(header: &Header<'_>, offset: u64) -> Result<u32, Error> {
    // Some writers put the file type there too.
    unsigned_u32(header, offset, 100, 8, NumberField::Mode).map(|mode| mode & 0o7777)
}

fn owner(
    record: Option<u32>,
    header: &Header<'_>,
    offset: u64,
    at: usize,
    field: NumberField,
) -> Result<u32, Error> {
    let id = match record {
        Some(id) => id,
        None => unsigned_u32(header, offset, at, 8, field)?,
    };
    if id == u32::MAX {
        return Err(number_error(field, offset));
    }
    Ok(id)
}
